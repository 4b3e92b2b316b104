import type { ScalarType } from '@bufbuild/protobuf';
import { indexIn, type ObjectCount } from './object-limit.js';

/** As far as the library goes, which refuses what nests deeper. */
export const MAX_DEPTH = 100;

/** Types of the wire. */
const VARINT = 0;
const BIT64 = 1;
export const LENGTH_DELIMITED = 2;
const START_GROUP = 3;
export const END_GROUP = 4;
const BIT32 = 5;

type Scalar =
  'bool' | 'int' | 'bigInt' | 'zigzag' | 'bigZigzag' | 'bit32' | 'bit64' | 'bigBit64' | 'text' | 'bytes';

/** By `ScalarType`, of which only the type is imported: the library is loaded when it is needed. */
const SCALARS: Readonly<Record<ScalarType, Scalar>> = {
  1: 'bit64', // double
  2: 'bit32', // float
  3: 'bigInt', // int64
  4: 'bigInt', // uint64
  5: 'int', // int32
  6: 'bigBit64', // fixed64
  7: 'bit32', // fixed32
  8: 'bool',
  9: 'text',
  12: 'bytes',
  13: 'int', // uint32
  15: 'bit32', // sfixed32
  16: 'bigBit64', // sfixed64
  17: 'zigzag', // sint32
  18: 'bigZigzag', // sint64
};

/** Whether a list of them may stand in one piece of the wire. */
export function isPackable(type: ScalarType): boolean {
  return SCALARS[type] !== 'text' && SCALARS[type] !== 'bytes';
}

/** Where a walk over the bytes of a message is. It reads as the library does, and stops where that would throw. */
export class ProtobufWalk {
  readonly bytes: Uint8Array;
  readonly count: ObjectCount;
  at = 0;
  /** What reads the map that is being read, and the highest of its keys that are small whole numbers. */
  map: unknown;
  highestKey = -1;
  /** Whether the walk ended because messages or groups nest too deep. */
  isTooDeep = false;

  constructor(bytes: Uint8Array, count: ObjectCount) {
    this.bytes = bytes;
    this.count = count;
  }

  /** Nothing is left, or it was malformed: then nothing is read any more. */
  get isOver(): boolean {
    return this.at >= this.bytes.length;
  }

  stop(): void {
    this.at = this.bytes.length;
  }

  stopTooDeep(): void {
    this.isTooDeep = true;
    this.stop();
  }

  /** The lowest 32 bits of a varint. */
  varint(): number {
    let value = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.bytes[this.at++] ?? 0;
      if (index < 5) value |= (byte & 0x7f) << (7 * index);
      if (byte < 0x80) return value >>> 0;
    }
    this.stop();
    return 0;
  }

  /** Reads a scalar and counts what becomes of it; returns its lowest 32 bits where it is a whole number, else -1. */
  scalar(type: ScalarType): number {
    const { bytes, count } = this;
    const start = this.at;
    switch (SCALARS[type]) {
      case 'bool':
        this.varint();
        return -1;
      case 'int':
        return this.varint();
      case 'zigzag':
        return this.varint() >>> 1;
      case 'bigInt':
        count.add(1);
        return this.varint();
      case 'bigZigzag':
        count.add(1);
        return this.varint() >>> 1;
      case 'bit32':
        this.at += 4;
        return uint32(bytes, start);
      case 'bit64':
        this.at += 8;
        return -1;
      case 'bigBit64':
        count.add(1);
        this.at += 8;
        return uint32(bytes, start);
      case 'text': {
        const size = this.varint();
        const text = this.at;
        this.at += size;
        return indexIn(bytes, text, size);
      }
      case 'bytes':
        count.add(1);
        this.at += this.varint();
        return -1;
    }
  }

  /** Reads the key of a map: whole numbers become names of properties, which take room up to there. */
  key(type: ScalarType): void {
    this.highestKey = this.count.addKey(this.scalar(type), this.highestKey);
  }

  /** Passes over what no declaration is known for. */
  skip(wireType: number, depth: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === BIT64) this.at += 8;
    else if (wireType === BIT32) this.at += 4;
    else if (wireType === LENGTH_DELIMITED) this.at += this.varint();
    else if (wireType !== START_GROUP) this.stop();
    else if (depth < MAX_DEPTH) this.#skipGroup(depth);
    else this.stopTooDeep();
  }

  #skipGroup(depth: number): void {
    while (!this.isOver) {
      const wireType = this.varint() & 7;
      if (wireType === END_GROUP) return;
      this.skip(wireType, depth + 1);
    }
  }
}

/** Little endian. Beyond the end of the frame it reads zeros. */
function uint32(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let index = at + 3; index >= at; index--) value = value * 256 + (bytes[index] ?? 0);
  return value;
}
