import type { Random } from '@pea2pea/core';
import { seededRandom } from '@pea2pea/core/testing';

/** Numbers and bytes that follow from a seed alone. */
export class Randomness {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.#random.next() * below);
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** `wire` with one to four things wrong. */
  mutated(wire: Buffer): Buffer {
    let bytes: Buffer = Buffer.from(wire);
    for (let wrong = this.below(4); wrong >= 0; wrong--) bytes = this.#mutatedOnce(bytes);
    return bytes;
  }

  /** `bytes` in pieces, as a network might deliver them. */
  pieces(bytes: Buffer): Buffer[] {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + this.below(this.pick([1, 8, bytes.length]));
      pieces.push(bytes.subarray(at, end));
      at = end;
    }
    return pieces;
  }

  #mutatedOnce(bytes: Buffer): Buffer {
    const at = this.below(bytes.length + 1);
    const end = at + this.below(bytes.length + 1 - at);
    const [before, cut, behind] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
    switch (this.below(5)) {
      case 0: // a bit flips
        if (at < bytes.length) bytes[at]! ^= 1 << this.below(8);
        return bytes;
      case 1: // a byte at the edge of what it may be
        if (at < bytes.length) bytes[at] = this.pick([0, 1, 0x7f, 0x80, 0xfe, 0xff]);
        return bytes;
      case 2: // a part is missing
        return Buffer.concat([before, behind]);
      case 3: // a part comes twice
        return Buffer.concat([before, cut, cut, behind]);
      default: // something comes in between
        return Buffer.concat([before, this.bytes(1 + this.below(16)), cut, behind]);
    }
  }
}
