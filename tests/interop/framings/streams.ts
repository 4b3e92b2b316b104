import type { LengthDelimitedOptions } from '@pea2pea/codecs';
import { seededRandom } from '@pea2pea/core/testing';

export type Knobs = Required<Omit<LengthDelimitedOptions, 'magic' | 'borrowed'>>;

/** Configurations, frames, and streams cut into pieces: all follow from a seed. */
export class Streams {
  readonly #random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** From 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.#random.next() * below);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** Pieces of any size, some of them of one byte. */
  split(stream: Buffer): Buffer[] {
    const pieces: Buffer[] = [];
    const most = this.pick([1, 7, stream.length + 1]);
    for (let at = 0; at < stream.length; at += pieces.at(-1)!.length) {
      pieces.push(stream.subarray(at, at + 1 + this.below(most)));
    }
    return pieces;
  }

  /**
   * A configuration in which each frame takes a byte at least: a head that is kept is counted by the adjustment.
   */
  knobs(maxFrameLength: number): Knobs {
    const lengthFieldLength = this.below(8) + 1;
    const lengthFieldOffset = this.below(4);
    const head = lengthFieldOffset + lengthFieldLength;
    const numSkip = this.pick([head, head, 0, 1, head + 2]);
    return {
      maxFrameLength,
      lengthFieldLength,
      lengthFieldOffset,
      endianness: this.pick(['big', 'little']),
      lengthAdjustment: numSkip === 0 ? head : this.pick([0, -head, head, 3, -2]),
      numSkip,
    };
  }

  /** A frame that declares `length`, with as many bytes as that means. */
  frame(knobs: Knobs, length: number): Buffer {
    const field = Buffer.alloc(knobs.lengthFieldLength);
    for (let index = 0, rest = length; index < field.length; index++, rest = Math.floor(rest / 256)) {
      field[knobs.endianness === 'little' ? index : field.length - 1 - index] = rest % 256;
    }
    const head = Buffer.concat([this.bytes(knobs.lengthFieldOffset), field]);
    const size = knobs.numSkip + Math.max(0, length + knobs.lengthAdjustment);
    return Buffer.concat([head, this.bytes(Math.max(0, size - head.length))]);
  }

  /** A line without its end: letters of one to four bytes, with carriage returns inside. */
  line(maxLength: number): string {
    let line = '';
    for (;;) {
      const next = line + this.pick(['a', ' ', 'ü', '漢', '🙂', '\r']);
      if (Buffer.byteLength(next) > maxLength || this.below(12) === 0) return line;
      line = next;
    }
  }
}
