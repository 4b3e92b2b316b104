import { PeerError } from '@pea2pea/core';
import { ObjectCount } from './object-limit.js';

/** How deep a message may nest. People stay below ten; handlers that recurse into a message stay on their stack. */
export const MAX_DEPTH = 100;

/** In place of the highest key, where there are none. */
const LIST = -2;
/** In place of the items owed, where the message is complete. */
export const COMPLETE = -1;

/**
 * Accounts for the lists and maps of a frame, whose items a walk passes over without decoding them. The walk itself keeps how
 * many items are owed to the innermost one: to ask here for each item cost more than all the rest.
 *
 * ```text
 *   [ [ 1, 2 ], "a" ]     1 owed, enter 2 -> 2 owed, enter 2 -> 2 owed ... 0 owed, leave -> 1 owed ... leave -> complete
 * ```
 *
 * A few bytes can declare a list of millions, so what is declared is compared with the bytes that are there.
 *
 * note: a format has one for all frames, one after the other: made anew for each, it cost half as much as the walk.
 */
export class PlainFrame {
  readonly #format: string;
  #length = 0;
  /** The objects that the library will make, counted before it makes any. */
  readonly #count = new ObjectCount();
  /** Items owed to the lists and maps around the current one, and the highest key of each. */
  readonly #owed = new Int32Array(MAX_DEPTH);
  readonly #highestKeys = new Int32Array(MAX_DEPTH);
  /** How many there are around the current one. */
  #depth = 0;
  /** The highest key of the current map that is a small whole number, or -1. */
  #highestKey = LIST;

  constructor(format: string) {
    this.#format = format;
  }

  /** A frame of so many bytes begins, whatever became of the one before. */
  begin(length: number, maxObjects: number): void {
    this.#length = length;
    this.#count.begin(maxObjects);
    this.#depth = 0;
    this.#highestKey = LIST;
  }

  /** Whether the items are keys and values, in turn. */
  get isMap(): boolean {
    return this.#highestKey !== LIST;
  }

  /** A list or map begins at `at`, with so many items in it: of a map, its keys and values. `owed` is what is left around it. */
  enter(items: number, at: number, isMap: boolean, owed: number): void {
    // A map that has keys takes as much again for its shape.
    this.#count.add(isMap && items > 0 ? 2 : 1);
    if (items > this.#length - at) throw this.refused('declares more than it holds');
    const depth = this.#depth;
    if (depth === MAX_DEPTH) throw this.refused(`nests deeper than ${MAX_DEPTH}`);
    this.#highestKeys[depth] = this.#highestKey;
    this.#owed[depth] = owed;
    this.#depth = depth + 1;
    this.#highestKey = isMap ? -1 : LIST;
  }

  /** The list or map has all its items; returns what is owed to the one around it, or {@link COMPLETE}. */
  leave(): number {
    if (this.#depth === 0) return COMPLETE;
    const depth = --this.#depth;
    this.#highestKey = this.#highestKeys[depth]!;
    return this.#owed[depth]!;
  }

  /** The current item becomes an object: bytes, or a date. */
  addObject(): void {
    this.#count.add(1);
  }

  /** The current item, a key, is the whole number `key`, or the text of one; -1 for any other. */
  addKey(key: number): void {
    if (key > this.#highestKey) this.#highestKey = this.#count.addKey(key, this.#highestKey);
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
