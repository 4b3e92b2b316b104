import { PeerError } from '@pea2pea/core';
import { ObjectCount } from './object-limit.js';

/** How deep a message may nest. People stay below ten; handlers that recurse into a message stay on their stack. */
export const MAX_DEPTH = 100;

/** In place of the highest key, where there are none. */
const LIST = -2;

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
  /** The objects that the library will make, counted before it makes any. */
  readonly #count: ObjectCount;
  /** Items owed to the lists and maps around the current one, and the highest key of each. */
  readonly #open: number[] = [];
  #owed = 1;
  /** The highest key of the current map that is a small whole number, or -1. */
  #highestKey = LIST;

  constructor(format: string, length: number, maxObjects: number) {
    this.#format = format;
    this.#length = length;
    this.#count = new ObjectCount(maxObjects);
  }

  /** Whether the current item is the key of a map. */
  get isKey(): boolean {
    return this.#highestKey !== LIST && this.#owed % 2 === 1;
  }

  /** Whether there is another item; ends the lists and maps that are complete. */
  next(): boolean {
    while (this.#owed === 0) {
      const owed = this.#open.pop();
      if (owed === undefined) return false;
      this.#owed = owed;
      this.#highestKey = this.#open.pop()!;
    }
    this.#owed--;
    return true;
  }

  /** A list or map begins at `at`, with so many items in it: of a map, its keys and values. */
  enter(items: number, at: number, isMap = false): void {
    // A map that has keys takes as much again for its shape.
    this.#count.add(isMap && items > 0 ? 2 : 1);
    if (items > this.#length - at) throw this.refused('declares more than it holds');
    if (this.#open.length === 2 * MAX_DEPTH) throw this.refused(`nests deeper than ${MAX_DEPTH}`);
    this.#open.push(this.#highestKey, this.#owed);
    this.#owed = items;
    this.#highestKey = isMap ? -1 : LIST;
  }

  /** The current item becomes an object: bytes, or a date. */
  addObject(): void {
    this.#count.add(1);
  }

  /** The current item, a key, is the whole number `key`, or the text of one; -1 for any other. */
  addKey(key: number): void {
    this.#highestKey = this.#count.addKey(key, this.#highestKey);
  }

  /** The current item, a key, may be any number. */
  addUnknownKey(): void {
    this.#highestKey = this.#count.addUnknownKey(this.#highestKey);
  }

  /** The frame is at its end. */
  requireEnd(at: number): void {
    if (at > this.#length) throw this.refused('declares more than it holds');
    if (at < this.#length) throw this.refused('has bytes after its message');
  }

  /** The current item is a key, and not one that the property of an object can have. */
  refusedKey(): PeerError {
    return this.refused('holds a key that is a list, a map, bytes or a time');
  }

  refused(what: string): PeerError {
    return new PeerError('P2P_ERR_INVALID_FRAME', `a frame of ${this.#format} ${what}`);
  }
}
