import { hashOf } from './wire.js';

const HEADER = 80;
const GENESIS = Buffer.from(
  `01000000${'00'.repeat(32)}3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000`,
  'hex',
);
/** The least work that a block may have in regtest; its difficulty never changes. So the longest chain has most work. */
const BITS = 0x207fffff;
const MAX_HEIGHT = 1_000_000;

/** The longest chain of headers that was seen. */
export class Chain {
  readonly #headers: Buffer[] = [GENESIS];
  readonly #heights = new Map([[keyOf(GENESIS), 0]]);

  get height(): number {
    return this.#headers.length - 1;
  }

  /** As it is written for people: the last byte first. */
  get tip(): string {
    return Buffer.from(hashOf(this.#headers.at(-1)!))
      .reverse()
      .toString('hex');
  }

  /**
   * Adds headers, each after the one before. Returns how many are new; undefined where they break the rules.
   */
  add(headers: readonly Buffer[]): number | undefined {
    if (headers.length === 0) return 0;
    const parent = this.#heights.get(headers[0]!.toString('latin1', 4, 36));
    if (parent === undefined) return 0; // of another branch, whose beginning is missing
    let previous = this.#headers[parent]!;
    for (const header of headers) {
      const isNext = header.subarray(4, 36).equals(hashOf(previous));
      if (!isNext || header.readUInt32LE(72) !== BITS || !hasWork(header)) return undefined;
      previous = header;
    }
    const isLonger = parent + headers.length > this.height;
    if (!isLonger || parent + headers.length > MAX_HEIGHT) return 0;
    const known = headers.findIndex((header, index) => !this.#headers[parent + 1 + index]?.equals(header));
    for (const header of this.#headers.splice(parent + 1)) this.#heights.delete(keyOf(header));
    for (const header of headers) {
      this.#heights.set(keyOf(header), this.#headers.length);
      this.#headers.push(Buffer.from(header)); // a copy: the other is a view into the message
    }
    return headers.length - known;
  }

  /** Hashes from the tip back, ever further apart: by them the other side finds where its chain and ours part. */
  locator(): Buffer[] {
    const hashes: Buffer[] = [];
    for (let height = this.height, step = 1; height > 0; height -= step) {
      hashes.push(hashOf(this.#headers[height]!));
      if (hashes.length > 10) step *= 2;
    }
    return [...hashes, hashOf(GENESIS)];
  }

  /** What comes after the first of `locator` that is known. */
  after(locator: readonly Buffer[], most: number): readonly Buffer[] {
    const known = locator
      .map((hash) => this.#heights.get(hash.toString('latin1')))
      .find((height) => height !== undefined);
    return this.#headers.slice((known ?? 0) + 1, (known ?? 0) + 1 + most);
  }
}

const keyOf = (header: Buffer): string => hashOf(header).toString('latin1');

/** The hash, a number whose last byte counts most, is at most 0x7fffff with 29 bytes after it. */
function hasWork(header: Buffer): boolean {
  const hash = Buffer.from(hashOf(header)).reverse();
  return header.length === HEADER && hash.readUIntBE(0, 3) <= 0x7fffff;
}
