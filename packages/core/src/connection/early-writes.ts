import type { Duplex } from 'node:stream';

/**
 * Writes that a stream passed on at once, as sockets with room do, and has not called back for yet: they are accounted for already.
 * Who sends in a loop then fills the same slabs again, while the processor still has them at hand, instead of the whole queue.
 */
export class EarlyWrites {
  #count = 0;
  #bytes = 0;

  /** Whether a callback is still to come. */
  get areOpen(): boolean {
    return this.#count > 0;
  }

  /**
   * Whether the operating system took all of a write of `size` bytes at once; then it is one of these.
   *
   * note: `limit` bytes in a turn; beyond it the callback is waited for, or a peer that reads fast enough would keep such a
   * loop from ever ending.
   */
  add(size: number, stream: Duplex, limit: number): boolean {
    if (stream.writableLength > 0) return false;
    // One that it refused counts as written, too, until its callback says so in a later turn.
    if (stream.destroyed || stream.errored !== null) return false;
    if (this.#bytes + size > limit) return false;
    this.#count++;
    this.#bytes += size;
    return true;
  }

  /** The stream called back; whether it did for one of these. They come first, in order. */
  calledBack(): boolean {
    if (this.#count === 0) return false;
    this.#count--;
    if (this.#count === 0) this.#bytes = 0;
    return true;
  }
}
