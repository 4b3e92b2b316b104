import { PeerError } from '@pea2pea/core';
import { requireInteger, requireKnown } from '@pea2pea/core/authoring';
import { CODEC_DEFAULTS } from './options.js';

/** A limit on what a message may become in memory. */
export interface ObjectLimitOptions {
  /**
   * The most objects that a message may become: lists, maps, bytes, dates; both ways.
   *
   * note: an empty list takes two bytes or fewer on the wire, and sixty in memory: the limit of the framing alone lets a
   * megabyte become a hundred. Numbers, strings and the like are not counted, they take eight times their bytes at most.
   * @default 100000
   */
  readonly maxObjects?: number;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function requireMaxObjects(
  codec: 'json' | 'msgpack' | 'cbor' | 'protobuf',
  options: ObjectLimitOptions = {},
): number {
  requireKnown(`the options of ${codec}()`, options, ['maxObjects']);
  return requireInteger('maxObjects', options.maxObjects ?? CODEC_DEFAULTS[codec].maxObjects, { min: 1 });
}

/** Counts the objects of a message before they are made. */
export class ObjectCount {
  #limit: number;
  #count = 0;

  constructor(limit = 0) {
    this.#limit = limit;
  }

  /** Another message begins. */
  begin(limit: number): void {
    this.#limit = limit;
    this.#count = 0;
  }

  /** @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE */
  add(objects: number): void {
    this.#count += objects;
    if (this.#count > this.#limit) throw tooManyObjects(this.#limit);
  }

  /**
   * A map has the whole number `key` among its keys, as a number or as text; `highest` was the highest before, or -1. V8
   * keeps such an object as a list up to there, with holes, as long as that has a few thousand places: 1023 alone takes
   * 12 KB. So it counts like what it takes. Returns the highest now.
   */
  addKey(key: number, highest: number): number {
    if (key <= highest || key >= MAX_HOLES) return highest;
    this.add((key >>> 3) - (Math.max(highest, 0) >>> 3));
    return key;
  }

  /** A key that may be any number counts as the worst. */
  addUnknownKey(highest: number): number {
    return this.addKey(MAX_HOLES - 1, highest);
  }
}

/** A list with more holes than that is kept as a table. */
const MAX_HOLES = 8192;

export function tooManyObjects(limit: number): PeerError {
  return new PeerError(
    'P2P_ERR_FRAME_TOO_LARGE',
    `a message becomes more objects than \`maxObjects\` allows, which is ${limit}`,
  );
}

const ZERO = 0x30;

/** The whole number that the `size` bytes of text at `at` stand for, if they are one that V8 makes holes for; else -1. */
export function indexIn(bytes: Uint8Array, at: number, size: number): number {
  if (size === 0 || size > 4) return -1;
  let value = 0;
  for (let index = at; index < at + size; index++) {
    const digit = (bytes[index] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
