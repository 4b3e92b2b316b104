import { isUtf8 } from 'node:buffer';
import type { ByteQueue, Endianness } from '../contracts/codec.js';
import { PeerError } from '../contracts/errors.js';

/** Chunks below this are gathered in a block, so that a peer that drips bytes cannot make us hold an object a byte. */
const SMALL_CHUNK = 1024;
const BLOCK_SIZE = 8 * 1024;

/**
 * The bytes of one connection between socket and decoder: chunks in order, and how much of the first is consumed.
 *
 * ```text
 *   #chunks[#head]                                  last
 *   [ consumed | #offset .............. ] [ ... ] [ ... ]
 *               `------------- length --------------'
 * ```
 */
export class ChunkQueue implements ByteQueue {
  #chunks: Buffer[] = [];
  #head = 0;
  #offset = 0;
  #length = 0;
  /** Where the last chunk can still take bytes, if it is a block of ours; else 0. */
  #blockRoom = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends a chunk; the queue owns it from here. */
  push(chunk: Buffer): void {
    this.#length += chunk.length;
    if (chunk.length < SMALL_CHUNK && this.#length > chunk.length) {
      this.#gather(chunk);
      return;
    }
    this.#closeBlock();
    this.#chunks.push(chunk);
  }

  peek(offset: number): number {
    if (offset < 0 || offset >= this.#length) throw outOfRange(offset, this.#length);
    const head = this.#chunks[this.#head]!;
    const at = this.#offset + offset;
    if (at < head.length) return head[at]!;
    let rest = at - head.length;
    for (let index = this.#head + 1; ; index++) {
      const chunk = this.#chunks[index]!;
      if (rest < chunk.length) return chunk[rest]!;
      rest -= chunk.length;
    }
  }

  peekUInt(offset: number, size: number, endianness: Endianness = 'big'): number {
    if (offset < 0 || offset + size > this.#length) throw outOfRange(offset + size, this.#length);
    const head = this.#chunks[this.#head]!;
    const start = this.#offset + offset;
    const inHead = start + size <= head.length;
    let value = 0;
    for (let index = 0; index < size; index++) {
      const place = endianness === 'big' ? index : size - 1 - index;
      const byte = inHead ? head[start + place]! : this.peek(offset + place);
      value = value * 256 + byte;
    }
    return value;
  }

  indexOf(byte: number, from = 0): number {
    let base = -this.#offset;
    for (let index = this.#head; index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]!;
      const end = base + this.#filled(index);
      if (from < end) {
        const found = chunk.indexOf(byte, Math.max(from - base, 0));
        if (found !== -1 && base + found < end) return base + found;
      }
      base = end;
    }
    return -1;
  }

  read(size: number): Buffer {
    if (size < 0 || size > this.#length) throw outOfRange(size, this.#length);
    if (size === 0) return Buffer.alloc(0);
    const head = this.#chunks[this.#head]!;
    const available = this.#filled(this.#head) - this.#offset;
    if (size < available) {
      // Part of the first chunk: a view.
      const view = head.subarray(this.#offset, this.#offset + size);
      this.#offset += size;
      this.#length -= size;
      return view;
    }
    if (size === available) {
      // All that is left of the first chunk: a view, and the chunk goes.
      const view = head.subarray(this.#offset, this.#offset + size);
      this.#length -= size;
      this.#dropHead();
      return view;
    }
    // Several chunks: one copy, of the exact size.
    const copy = Buffer.allocUnsafeSlow(size);
    let filled = 0;
    while (filled < size) {
      const chunk = this.#chunks[this.#head]!;
      const end = Math.min(this.#filled(this.#head), this.#offset + size - filled);
      filled += chunk.copy(copy, filled, this.#offset, end);
      this.#advance(end - this.#offset);
    }
    return copy;
  }

  readText(size: number): string {
    if (size < 0 || size > this.#length) throw outOfRange(size, this.#length);
    if (size === 0) return '';
    const available = this.#filled(this.#head) - this.#offset;
    if (size > available) return textOf(this.read(size), 0, size);
    const text = textOf(this.#chunks[this.#head]!, this.#offset, this.#offset + size);
    this.#advance(size);
    return text;
  }

  skip(size: number): void {
    if (size < 0 || size > this.#length) throw outOfRange(size, this.#length);
    let rest = size;
    while (rest > 0) {
      const step = Math.min(rest, this.#filled(this.#head) - this.#offset);
      this.#advance(step);
      rest -= step;
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#chunks = [];
    this.#head = 0;
    this.#offset = 0;
    this.#length = 0;
    this.#blockRoom = 0;
  }

  /** Bytes of the chunk at `index` that hold data: all, but for a block that is still being filled. */
  #filled(index: number): number {
    const length = this.#chunks[index]!.length;
    return index === this.#chunks.length - 1 ? length - this.#blockRoom : length;
  }

  /** The last chunk, where it is a block of ours, takes no more bytes. */
  #closeBlock(): void {
    if (this.#blockRoom === 0) return;
    const last = this.#chunks.length - 1;
    this.#chunks[last] = this.#chunks[last]!.subarray(0, BLOCK_SIZE - this.#blockRoom);
    this.#blockRoom = 0;
  }

  #gather(chunk: Buffer): void {
    let taken = 0;
    if (this.#blockRoom > 0) {
      const block = this.#chunks[this.#chunks.length - 1]!;
      taken = chunk.copy(block, block.length - this.#blockRoom);
      this.#blockRoom -= taken;
    }
    if (taken === chunk.length) return;
    const block = Buffer.allocUnsafeSlow(BLOCK_SIZE);
    const rest = chunk.copy(block, 0, taken);
    this.#chunks.push(block);
    this.#blockRoom = BLOCK_SIZE - rest;
  }

  #advance(size: number): void {
    this.#offset += size;
    this.#length -= size;
    if (this.#offset === this.#filled(this.#head)) this.#dropHead();
  }

  #dropHead(): void {
    this.#offset = 0;
    if (this.#head === this.#chunks.length - 1) {
      this.#chunks.length = 0;
      this.#head = 0;
      this.#blockRoom = 0;
      return;
    }
    this.#chunks[this.#head] = EMPTY;
    this.#head++;
    if (this.#head === 32) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

const EMPTY = Buffer.alloc(0);

/** Decoding replaces what is malformed by U+FFFD: only a text that has one needs a second look. */
function textOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'a text is no well-formed UTF-8');
  }
  return text;
}

function outOfRange(wanted: number, length: number): RangeError {
  return new RangeError(`${wanted} is out of the ${length} bytes that are here`);
}
