import type { ByteSink, Endianness } from '../contracts/codec.js';
import { describe } from '../errors/describe.js';
import type { Batch } from './batch.js';
import { LARGE_SLAB, SMALL_SLAB, type SlabPool } from './slab-pool.js';

/** From here on a payload is passed on by reference instead of being copied into a slab. */
const BY_REFERENCE = 32 * 1024;

/** A slab with less room than this is as good as full. */
const REMNANT = 8 * 1024;

/** Ends of room that nothing fits into: between two messages, and where there is no slab yet. */
const CLOSED = -2;
const NO_SLAB = -1;

/** Positions that `reserve` returns: the number of the slab, times this, plus the offset in it. */
const POSITION_BASE = LARGE_SLAB;

/**
 * Gathers encoded messages in slabs.
 *
 * ```text
 *   segments: [slab 0, part] [a large payload, by reference] ...
 *   #slab:    [ already in segments | #start ...... #end | room ]
 * ```
 *
 * A message is framed by `begin` and `commit`, or `rollback` where its encoder failed. In between it takes bytes, at any
 * other time it takes none: an encoder that writes after it returned would write into somebody else's message.
 */
export class SlabSink implements ByteSink {
  readonly #pool: SlabPool;
  /** What was gathered since the last {@link take}. */
  #batch: Batch | undefined;
  #slab: Buffer | undefined;
  #start = 0;
  #end = 0;
  #bytes = 0;
  /** Whether the last batch outgrew a small slab; the next one then starts with a large one. */
  #startsLarge = false;

  /** Where the room of the slab ends, between `begin` and its end; else {@link CLOSED}. */
  #roomEnd = CLOSED;
  #markSegments = 0;
  #markSlabs = 0;
  #markStart = 0;
  #markEnd = 0;
  #markBytes = 0;

  constructor(pool: SlabPool) {
    this.#pool = pool;
  }

  /** Bytes gathered since the last {@link take}. */
  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#bytes - this.#markBytes;
  }

  /** Whether a large slab is full, or more than one is in use. */
  get fillsSlab(): boolean {
    return this.#end > LARGE_SLAB - REMNANT || (this.#batch !== undefined && this.#batch.slabs.length > 1);
  }

  /** Marks where a message begins, for an encoder that throws. */
  begin(): void {
    this.#roomEnd = this.#slab?.length ?? NO_SLAB;
    const { segments, slabs } = (this.#batch ??= this.#pool.takeBatch());
    this.#markSegments = segments.length;
    this.#markSlabs = slabs.length;
    this.#markStart = this.#start;
    this.#markEnd = this.#end;
    this.#markBytes = this.#bytes;
  }

  /** The message is complete; returns its size in bytes. */
  commit(): number {
    this.#roomEnd = CLOSED;
    const size = this.#bytes - this.#markBytes;
    this.#markBytes = this.#bytes;
    return size;
  }

  /** Takes back everything since {@link begin}. */
  rollback(): void {
    this.#roomEnd = CLOSED;
    const { segments, slabs } = this.#batch!;
    while (slabs.length > this.#markSlabs) this.#pool.giveBack(slabs.pop()!);
    this.#slab = slabs[slabs.length - 1];
    segments.length = this.#markSegments;
    this.#start = this.#markStart;
    this.#end = this.#markEnd;
    this.#bytes = this.#markBytes;
  }

  /** Everything gathered so far, whose owner is the caller; the sink is empty afterwards and holds no slab. */
  take(): Batch {
    this.#closeSegment();
    const batch = this.#batch ?? this.#pool.takeBatch();
    batch.bytes = this.#bytes;
    this.#startsLarge = this.#bytes > SMALL_SLAB;
    this.#batch = undefined;
    this.#slab = undefined;
    this.#start = 0;
    this.#end = 0;
    this.#bytes = 0;
    this.#markBytes = 0;
    return batch;
  }

  /** Everything gathered so far as one buffer; the sink is empty afterwards and holds no slab. */
  takeBuffer(): Buffer {
    const batch = this.take();
    const bytes = Buffer.concat(batch.segments, batch.bytes);
    this.#pool.giveBackBatch(batch, true);
    return bytes;
  }

  /** Forgets everything gathered so far. */
  clear(): void {
    this.#pool.giveBackBatch(this.take(), true);
  }

  write(bytes: Uint8Array): void {
    // Several times as fast as to ask for its class, and knows arrays of another realm.
    if ((bytes as Uint8Array | undefined)?.BYTES_PER_ELEMENT !== 1) throw notBytes(bytes);
    const size = bytes.length;
    if (size >= BY_REFERENCE) {
      this.#refer(bytes);
      return;
    }
    const slab = this.#room(size);
    slab.set(bytes, this.#end);
    this.#end += size;
    this.#bytes += size;
  }

  writeText(text: string): number {
    if (typeof text !== 'string') throw new TypeError(`writeText() takes a string, not ${describe(text)}`);
    // A UTF-16 unit takes three bytes of UTF-8 at most.
    if (text.length * 3 > BY_REFERENCE) {
      const bytes = Buffer.from(text, 'utf8');
      this.write(bytes);
      return bytes.length;
    }
    const slab = this.#room(text.length * 3);
    const size = slab.write(text, this.#end, 'utf8');
    this.#end += size;
    this.#bytes += size;
    return size;
  }

  writeUInt(value: number, size: number, endianness: Endianness = 'big'): void {
    const slab = this.#room(checkedSize(size));
    putUInt(slab, this.#end, value, size, endianness);
    this.#end += size;
    this.#bytes += size;
  }

  reserve(size: number): number {
    const slab = this.#room(checkedSize(size));
    const position = (this.#batch!.slabs.length - 1) * POSITION_BASE + this.#end;
    // What lies there are bytes of an earlier message, perhaps to another peer: not for this one, where nobody patches it.
    for (let index = 0; index < size; index++) slab[this.#end + index] = 0;
    this.#end += size;
    this.#bytes += size;
    return position;
  }

  patchUInt(position: number, value: number, size: number, endianness: Endianness = 'big'): void {
    if (this.#roomEnd === CLOSED) throw notOpen();
    const first = (this.#markSlabs - 1) * POSITION_BASE + this.#markEnd;
    const { slabs } = this.#batch!;
    const end = (slabs.length - 1) * POSITION_BASE + this.#end;
    if (!(position >= first && position + checkedSize(size) <= end)) throw notReserved(position);
    const slab = slabs[Math.floor(position / POSITION_BASE)];
    if (slab === undefined) throw notReserved(position);
    putUInt(slab, position % POSITION_BASE, value, size, endianness);
  }

  #refer(bytes: Uint8Array): void {
    if (this.#roomEnd === CLOSED) throw notOpen();
    this.#closeSegment();
    this.#batch!.segments.push(bytes);
    this.#bytes += bytes.length;
  }

  /** A slab with room for `size` contiguous bytes, at most {@link BY_REFERENCE}, at `#end`. */
  #room(size: number): Buffer {
    if (this.#end + size <= this.#roomEnd) return this.#slab!;
    if (this.#roomEnd === CLOSED) throw notOpen();
    const slab = this.#slab;
    this.#closeSegment();
    const small = slab === undefined && !this.#startsLarge && size <= SMALL_SLAB;
    const next = this.#pool.take(small ? SMALL_SLAB : LARGE_SLAB);
    this.#batch!.slabs.push(next);
    this.#slab = next;
    this.#roomEnd = next.length;
    this.#start = 0;
    this.#end = 0;
    return next;
  }

  #closeSegment(): void {
    if (this.#slab === undefined || this.#end === this.#start) return;
    this.#batch!.segments.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

function putUInt(slab: Buffer, at: number, value: number, size: number, endianness: Endianness): void {
  if (size === 4 && endianness === 'big' && value >>> 0 === value) {
    // What most frames begin with.
    slab[at] = value >>> 24;
    slab[at + 1] = value >>> 16;
    slab[at + 2] = value >>> 8;
    slab[at + 3] = value;
    return;
  }
  if (typeof value !== 'number')
    throw new TypeError(`an integer is written as a number, not as ${typeof value}`);
  if (endianness !== 'big' && endianness !== 'little')
    throw new TypeError(`the byte order is 'big' or 'little', not ${describe(endianness)}`);
  if (!Number.isInteger(value) || value < 0) throw doesNotFit(value, size);
  let rest = value;
  for (let index = 0; index < size; index++) {
    slab[endianness === 'big' ? at + size - 1 - index : at + index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  if (rest !== 0) throw doesNotFit(value, size);
}

function doesNotFit(value: number, size: number): RangeError {
  return new RangeError(`${value} does not fit into ${size} bytes, which take whole numbers from 0 up`);
}

/** @throws {RangeError} when integers have no such size */
function checkedSize(size: number): number {
  if (Number.isInteger(size) && size > 0 && size <= 8) return size;
  throw new RangeError(`an integer has a size of 1 to 8 bytes, not ${describe(size)}`);
}

function notOpen(): Error {
  return new Error('a message was written to after its encode() returned: an encoder must not wait');
}

function notBytes(value: unknown): TypeError {
  // Not its content: that is a message.
  if (typeof value === 'string')
    return new TypeError('write() takes a Uint8Array, not a string: use writeText()');
  return new TypeError(`write() takes a Uint8Array, not ${describe(value)}`);
}

function notReserved(position: number): RangeError {
  return new RangeError(`${describe(position)} is not a position that reserve() returned for this message`);
}
