import { indexIn } from '../authoring/sequence-search.js';
import { decodeUtf8 } from '../authoring/utf8.js';
import type { ByteQueue, Endianness } from '../contracts/codec.js';
import { free, LEAST_FREED } from './own-memory.js';

/** Chunks below this are gathered in a block, so that a peer that drips bytes cannot make us hold an object a byte. */
const SMALL_CHUNK = 1024;
const BLOCK_SIZE = 8 * 1024;

/** What of a queue is memory of its own, so that it may be freed. */
interface OwnMemory {
  /** Chunks that wait. */
  readonly own: Set<Buffer>;
  /** Chunks that are used up, and copies for what lay in several: whoever read from the queue may still have views. */
  readonly spent: Buffer[];
}

/**
 * The bytes of one connection between socket and decoder: chunks in order, and how much of the first is consumed.
 *
 * ```text
 *   #first                                #rest[#passed]     last
 *   [ consumed | #offset ....... #end ]   [ ........... ]    [ ....... | #blockRoom ]
 *               `---------------------- length ---------------------'
 * ```
 *
 * Decoders mostly look at the first chunk: it has fields of its own, and an idle connection has no list.
 */
export class ChunkQueue implements ByteQueue {
  #first: Buffer = EMPTY;
  #offset = 0;
  /** Where the bytes of the first chunk end: with it, unless it is a block that is still being filled. */
  #end = 0;
  #rest: Buffer[] | undefined;
  /** How many of `#rest` have become the first chunk, and gone. */
  #passed = 0;
  #length = 0;
  /** How many bytes the last chunk can still take, if it is a block of ours; else 0. */
  #blockRoom = 0;
  /** Made with the first chunk whose memory nobody else has. */
  #memory: OwnMemory | undefined;

  get length(): number {
    return this.#length;
  }

  /** Appends a chunk; the queue owns it from here. */
  push(chunk: Buffer): void {
    this.#length += chunk.length;
    const waits = this.#length > chunk.length;
    if (waits && chunk.length < SMALL_CHUNK) {
      this.#gather(chunk);
      return;
    }
    this.#closeBlock();
    this.#append(waits ? withoutWaste(chunk) : chunk, chunk.length);
  }

  /** As {@link push}, for a chunk whose memory nobody else has, so that {@link freeSpent} may free it. */
  pushOwn(chunk: Buffer): void {
    (this.#memory ??= { own: new Set(), spent: [] }).own.add(chunk);
    this.push(chunk);
  }

  /** Whether there is something for {@link freeSpent}. */
  get hasSpent(): boolean {
    return this.#memory !== undefined && this.#memory.spent.length > 0;
  }

  /** Frees the memory of chunks that are used up. Views that {@link read} and its like returned of them are empty then. */
  freeSpent(): void {
    for (const chunk of this.#memory?.spent.splice(0) ?? []) free(chunk);
  }

  /** Leaves what is used up to those who have views of it. */
  keepSpent(): void {
    this.#memory?.spent.splice(0);
  }

  /** Leaves everything that came until now to those who have views of it, or will. */
  keepAll(): void {
    this.#memory = undefined;
  }

  peek(offset: number): number {
    const at = this.#offset + offset;
    if (offset >= 0 && at < this.#end) return this.#first[at]!;
    if (offset < 0 || offset >= this.#length) throw outOfRange(offset, this.#length);
    const { index, base } = this.#find(offset);
    return this.#rest![index]![offset - base]!;
  }

  peekUInt(offset: number, size: number, endianness: Endianness = 'big'): number {
    if (offset < 0 || offset + size > this.#length) throw outOfRange(offset + size, this.#length);
    const start = this.#offset + offset;
    const first = this.#first;
    if (start + size > this.#end) return this.#peekUIntAcross(offset, size, endianness);
    if (size === 4 && endianness === 'big') {
      return (
        first[start]! * 0x1_00_00_00 +
        ((first[start + 1]! << 16) | (first[start + 2]! << 8) | first[start + 3]!)
      );
    }
    let value = 0;
    for (let index = 0; index < size; index++) {
      value = value * 256 + first[start + (endianness === 'big' ? index : size - 1 - index)]!;
    }
    return value;
  }

  peekBytes(offset: number, size: number): Buffer {
    if (!(offset >= 0 && size >= 0 && offset + size <= this.#length))
      throw outOfRange(offset + size, this.#length);
    const start = this.#offset + offset;
    if (start + size <= this.#end) return this.#first.subarray(start, start + size);
    return size > 0 && offset >= this.#end - this.#offset
      ? this.#peekBeyond(offset, size)
      : this.#copy(offset, size);
  }

  peekText(offset: number, size: number): string {
    const start = this.#offset + offset;
    if (offset >= 0 && size >= 0 && start + size <= this.#end) {
      return size === 0 ? '' : decodeUtf8(this.#first, start, start + size);
    }
    return decodeUtf8(this.peekBytes(offset, size));
  }

  indexOf(mark: number | Uint8Array, from = 0): number {
    return typeof mark === 'number' ? this.#indexOfByte(mark, from) : this.#indexOfSequence(mark, from);
  }

  #indexOfByte(byte: number, from: number): number {
    let base = 0;
    let index = -1;
    if (from < this.#end - this.#offset) {
      const found = this.#first.indexOf(byte, this.#offset + from);
      if (found !== -1 && found < this.#end) return found - this.#offset;
      base = this.#end - this.#offset;
      index = this.#passed;
    } else if (from < this.#length) {
      ({ index, base } = this.#find(from));
    } else {
      return -1;
    }
    const rest = this.#rest ?? [];
    for (; index < rest.length; index++) {
      const found = rest[index]!.indexOf(byte, Math.max(from - base, 0));
      const filled = this.#filled(index);
      if (found !== -1 && found < filled) return base + found;
      base += filled;
    }
    return -1;
  }

  read(size: number): Buffer {
    const start = this.#offset;
    const next = start + size;
    if (size > 0 && next < this.#end) {
      // Part of the first chunk: a view.
      this.#offset = next;
      this.#length -= size;
      return this.#first.subarray(start, next);
    }
    if (size < 0 || size > this.#length) throw outOfRange(size, this.#length);
    if (size === 0) return Buffer.alloc(0);
    if (next === this.#end) {
      // All that is left of the first chunk: a view, and the chunk goes.
      const view = this.#first.subarray(start, next);
      this.#advance(size);
      return view;
    }
    // Several chunks: one copy, of the exact size.
    const copy = Buffer.allocUnsafeSlow(size);
    let filled = 0;
    while (filled < size) {
      const end = Math.min(this.#end, this.#offset + size - filled);
      filled += this.#first.copy(copy, filled, this.#offset, end);
      this.#advance(end - this.#offset);
    }
    if (size >= LEAST_FREED) this.#memory?.spent.push(copy);
    return copy;
  }

  readText(size: number): string {
    if (size < 0 || size > this.#length) throw outOfRange(size, this.#length);
    if (size === 0) return '';
    const next = this.#offset + size;
    if (next > this.#end) return decodeUtf8(this.read(size));
    const text = decodeUtf8(this.#first, this.#offset, next);
    this.#advance(size);
    return text;
  }

  skip(size: number): void {
    if (size >= 0 && this.#offset + size < this.#end) {
      this.#offset += size;
      this.#length -= size;
      return;
    }
    if (size < 0 || size > this.#length) throw outOfRange(size, this.#length);
    let rest = size;
    while (rest > 0) {
      const step = Math.min(rest, this.#end - this.#offset);
      this.#advance(step);
      rest -= step;
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#first = EMPTY;
    this.#offset = 0;
    this.#end = 0;
    this.#rest = undefined;
    this.#passed = 0;
    this.#length = 0;
    this.#blockRoom = 0;
    this.keepAll();
  }

  /** In each chunk, and in what joins the end of one with the beginning of the next. */
  #indexOfSequence(sequence: Uint8Array, from: number): number {
    const size = sequence.length;
    if (size === 0) throw new RangeError('a sequence to search for has at least one byte');
    if (size === 1) return this.#indexOfByte(sequence[0]!, from);
    if (from + size > this.#length) return -1;
    let { index, base } =
      from < this.#end - this.#offset ? { index: this.#passed - 1, base: 0 } : this.#find(from);
    for (; ; index++) {
      const isFirst = index < this.#passed;
      const chunk = isFirst ? this.#first : this.#rest![index]!;
      const start = isFirst ? this.#offset : 0;
      const end = isFirst ? this.#end : this.#filled(index);
      const found = indexIn(chunk, sequence, start + from - base);
      if (found !== -1 && found + size <= end) return base + found - start;
      base += end - start;
      from = Math.max(from, base - size + 1);
      if (from + size > this.#length) return -1;
      const joined = this.peekBytes(from, Math.min(base + size - 1, this.#length) - from);
      const across = joined.indexOf(sequence);
      if (across !== -1) return from + across;
      from = base;
      if (from + size > this.#length) return -1;
    }
  }

  /** Bytes beyond the first chunk; not consumed. */
  #peekBeyond(offset: number, size: number): Buffer {
    const { index, base } = this.#find(offset);
    const at = offset - base;
    return at + size <= this.#filled(index)
      ? this.#rest![index]!.subarray(at, at + size)
      : this.#copy(offset, size);
  }

  /** Bytes that lie in several chunks; not consumed. */
  #copy(offset: number, size: number): Buffer {
    const copy = Buffer.allocUnsafeSlow(size);
    const inFirst = this.#end - this.#offset;
    let filled = offset < inFirst ? this.#first.copy(copy, 0, this.#offset + offset, this.#end) : 0;
    while (filled < size) {
      const { index, base } = this.#find(offset + filled);
      const at = offset + filled - base;
      filled += this.#rest![index]!.copy(copy, filled, at, Math.min(this.#filled(index), at + size - filled));
    }
    return copy;
  }

  #peekUIntAcross(offset: number, size: number, endianness: Endianness): number {
    let value = 0;
    for (let index = 0; index < size; index++) {
      value = value * 256 + this.peek(offset + (endianness === 'big' ? index : size - 1 - index));
    }
    return value;
  }

  /**
   * Which of `#rest` holds the byte at `offset`, and where that chunk begins. From the last one backwards: who looks
   * beyond the first chunk waits for a long frame, and looks at what came last.
   */
  #find(offset: number): { readonly index: number; readonly base: number } {
    let index = this.#rest!.length - 1;
    let base = this.#length - this.#filled(index);
    while (base > offset) {
      index--;
      base -= this.#rest![index]!.length;
    }
    return { index, base };
  }

  /** Bytes of the chunk at `index` of `#rest` that hold data: all, but for a block that is still being filled. */
  #filled(index: number): number {
    const { length } = this.#rest![index]!;
    return index === this.#rest!.length - 1 ? length - this.#blockRoom : length;
  }

  /** Whether the first chunk is the last one, too. */
  get #isAlone(): boolean {
    return this.#rest === undefined || this.#rest.length === 0;
  }

  #append(chunk: Buffer, filled: number): void {
    if (this.#first === EMPTY) {
      this.#first = chunk;
      this.#offset = 0;
      this.#end = filled;
    } else {
      (this.#rest ??= []).push(chunk);
    }
  }

  /** The last chunk, where it is a block of ours, takes no more bytes. */
  #closeBlock(): void {
    if (this.#blockRoom === 0) return;
    if (!this.#isAlone) {
      const last = this.#rest!.length - 1;
      this.#rest![last] = this.#rest![last]!.subarray(0, BLOCK_SIZE - this.#blockRoom);
    }
    this.#blockRoom = 0;
  }

  #gather(chunk: Buffer): void {
    let taken = 0;
    if (this.#blockRoom > 0) {
      const block = this.#isAlone ? this.#first : this.#rest![this.#rest!.length - 1]!;
      taken = chunk.copy(block, block.length - this.#blockRoom);
      this.#blockRoom -= taken;
      if (this.#isAlone) this.#end += taken;
    }
    if (taken === chunk.length) return;
    const block = Buffer.allocUnsafeSlow(BLOCK_SIZE);
    const rest = chunk.copy(block, 0, taken);
    this.#append(block, rest);
    this.#blockRoom = BLOCK_SIZE - rest;
  }

  /** Consumes bytes of the first chunk; when it is used up, the next one takes its place. */
  #advance(size: number): void {
    this.#offset += size;
    this.#length -= size;
    if (this.#offset < this.#end) return;
    if (this.#memory?.own.delete(this.#first) === true) this.#memory.spent.push(this.#first);
    const rest = this.#rest;
    if (rest === undefined || rest.length === 0) {
      this.#first = EMPTY;
      this.#offset = 0;
      this.#end = 0;
      this.#blockRoom = 0;
      return;
    }
    this.#first = rest[this.#passed]!;
    this.#offset = 0;
    this.#end = this.#filled(this.#passed);
    rest[this.#passed] = EMPTY;
    this.#passed++;
    if (this.#passed === rest.length) {
      rest.length = 0;
      this.#passed = 0;
    } else if (this.#passed === 32) {
      rest.splice(0, this.#passed);
      this.#passed = 0;
    }
  }
}

const EMPTY = Buffer.alloc(0);

/**
 * A stream that shares its chunks with others, as those of yamux do, hands on views: `chunk`, or a copy where it is a small
 * part of the memory that it would keep.
 */
function withoutWaste(chunk: Buffer): Buffer {
  if (2 * chunk.length >= chunk.buffer.byteLength) return chunk;
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  chunk.copy(copy);
  return copy;
}

function outOfRange(wanted: number, length: number): RangeError {
  return new RangeError(`${wanted} is out of the ${length} bytes that are here`);
}
