import { PeerError } from '@pea2pea/core';

/** How deep a message may nest. People stay below ten; handlers that recurse into a message stay on their stack. */
export const MAX_DEPTH = 100;

/**
 * Walks over the items of one frame without decoding them, and keeps account of what is still owed.
 *
 * ```text
 *   [ [ 1, 2 ], "a" ]     0 open, 1 owed -> 1 open, 2 owed -> 2 open, 2 owed -> ... -> 0 open, 0 owed: complete
 * ```
 *
 * A few bytes can declare a list of millions, so what is declared is compared with the bytes that are there.
 */
export class PlainFrame {
  readonly #format: string;
  readonly #length: number;
  /** Items owed to the lists and maps around the current one. */
  readonly #open: number[] = [];
  #owed = 1;

  constructor(format: string, length: number) {
    this.#format = format;
    this.#length = length;
  }

  /** Whether there is another item; ends the lists and maps that are complete. */
  next(): boolean {
    while (this.#owed === 0) {
      const owed = this.#open.pop();
      if (owed === undefined) return false;
      this.#owed = owed;
    }
    this.#owed--;
    return true;
  }

  /** A list or map begins at `at`, with so many items in it. */
  enter(items: number, at: number): void {
    if (items > this.#length - at) throw this.refused('declares more than it holds');
    if (this.#open.length === MAX_DEPTH) throw this.refused(`nests deeper than ${MAX_DEPTH}`);
    this.#open.push(this.#owed);
    this.#owed = items;
  }

  /** The frame is at its end. */
  requireEnd(at: number): void {
    if (at > this.#length) throw this.refused('declares more than it holds');
    if (at < this.#length) throw this.refused('has bytes behind its message');
  }

  refused(what: string): PeerError {
    return new PeerError('P2P_ERR_INVALID_FRAME', `a frame of ${this.#format} ${what}`);
  }
}
