import type { Deferred } from '../authoring/deferred.js';

/**
 * Encoded messages that are written together: gathered by a sink, and then on their way to the operating system.
 *
 * note: batches are used again, as slabs are. Of an object that is made for each, V8 learns where many are under way that it lives
 * long, and has all later ones fill the old part of the heap, with what hangs on them.
 */
export class Batch {
  /** In order; none is empty. */
  readonly segments: Uint8Array[] = [];
  /** The slabs that hold the segments, to be released to the pool. */
  readonly slabs: Buffer[] = [];
  bytes = 0;
  messages = 0;
  /** Those who wait for it to be with the operating system. */
  waiters: Deferred[] | undefined;
  /** The next segment to be written. */
  next = 0;
  /** How many bytes are in the write that is under way. */
  writing = 0;

  clear(): void {
    this.segments.length = 0;
    this.slabs.length = 0;
    this.bytes = 0;
    this.messages = 0;
    this.waiters = undefined;
    this.next = 0;
    this.writing = 0;
  }
}
