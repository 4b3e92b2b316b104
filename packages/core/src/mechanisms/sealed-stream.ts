import type { Duplex } from 'node:stream';
import { NEED_MORE, type ByteQueue, type NeedMore } from '../contracts/codec.js';
import { requireFunction, requireInteger, requireKnown } from '../authoring/checks.js';
import { whenSettled } from '../authoring/thenable.js';
import { describe } from '../errors/describe.js';
import type { PeerErrorCode } from '../errors/error-table.js';
import { PeerError } from '../errors/errors.js';
import { ChunkQueue } from './byte-queue.js';
import { RecordStream, type RecordLayer } from './record-stream.js';

/** How the records of a {@link sealedStream} are made and read. */
export interface SealedStreamOptions {
  /** The record for `plaintext`, with whatever tells where it ends. Where it throws, the stream is destroyed: P2P_ERR_ENCODE_FAILED. */
  readonly seal: (plaintext: Buffer) => Uint8Array;
  /**
   * Takes the next record off `input`, and returns what it contains; or NEED_MORE, and is called again when more bytes came.
   * Bytes without content, such as padding, are an empty array. Null says that the peer has ended the stream.
   *
   * note: it checks a declared length before it waits for that many bytes.
   * note: throw P2P_ERR_INVALID_FRAME, or anything else, for what cannot be opened.
   */
  readonly open: (input: ByteQueue) => Uint8Array | NeedMore | null;
  /**
   * The record that ends the stream. If it is given, a stream that ends without one from the peer was cut:
   * P2P_ERR_TRUNCATED_FRAME.
   * @default none: the end of the stream below is the end
   */
  readonly sealEnd?: () => Uint8Array;
  /** The most bytes of plaintext in a record that is sent. @default 65536 */
  readonly maxPlaintextLength?: number;
  /** The most bytes that wait for the end of a received record. @default 131072 */
  readonly maxRecordLength?: number;
}

/**
 * A stream on top of `raw` in records that are sealed and opened by functions: what a secure channel goes on over after its
 * handshake. What is written is cut into records, what arrives is put together; the borders mean nothing.
 *
 * ```ts
 * handshake.upgrade(sealedStream(handshake.takeStream(), { seal, open }), { neverReenters: true });
 * ```
 *
 * note: the functions are called in the order of the stream, once for each record, so a counter in them is a nonce.
 * note: a record that cannot be opened destroys the stream with P2P_ERR_INVALID_FRAME, one that the end of `raw` cuts with
 * P2P_ERR_TRUNCATED_FRAME; in both cases after everything before it has been read.
 * note: a record is opened when somebody reads, 32 in a turn of the event loop at most.
 * note: the stream owns `raw`: it ends `raw` when it ends, and destroys `raw` when it is destroyed.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export function sealedStream(raw: Duplex, options: SealedStreamOptions): Duplex {
  return new RecordStream(raw, new SealedRecords(options));
}

class SealedRecords implements RecordLayer {
  readonly whenCut: string;
  readonly sealEnd: (() => Uint8Array) | undefined;
  readonly #seal: SealedStreamOptions['seal'];
  readonly #open: SealedStreamOptions['open'];
  readonly #maxPlaintext: number;
  readonly #maxRecord: number;
  readonly #queue = new ChunkQueue();

  constructor(options: SealedStreamOptions) {
    const names = ['seal', 'open', 'sealEnd', 'maxPlaintextLength', 'maxRecordLength'];
    requireKnown('the options of sealedStream()', options, names);
    const { sealEnd, maxPlaintextLength = 64 * 1024, maxRecordLength = 128 * 1024 } = options;
    this.#seal = requireFunction('seal', options.seal);
    this.#open = requireFunction('open', options.open);
    if (sealEnd !== undefined) {
      requireFunction('sealEnd', sealEnd);
      this.sealEnd = () => sealed('sealEnd', sealEnd);
    }
    this.whenCut = sealEnd === undefined ? 'inside a record' : 'without its last record';
    this.#maxPlaintext = requireInteger('maxPlaintextLength', maxPlaintextLength, { min: 1 });
    this.#maxRecord = requireInteger('maxRecordLength', maxRecordLength, { min: 1 });
  }

  get isIncomplete(): boolean {
    return this.sealEnd !== undefined || this.#queue.length > 0;
  }

  seal(chunks: readonly Buffer[]): Buffer[] {
    const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    const records: Buffer[] = [];
    for (let at = 0; at < all.length; at += this.#maxPlaintext) {
      const plaintext = all.subarray(at, at + this.#maxPlaintext);
      records.push(sealed('seal', () => this.#seal(plaintext)));
    }
    return records;
  }

  push(chunk: Buffer): void {
    this.#queue.push(chunk);
  }

  next(): readonly Buffer[] | undefined | null {
    const before = this.#queue.length;
    if (before === 0) return undefined;
    const opened = this.#tryOpen();
    if (opened === null) return null;
    if (opened === NEED_MORE) {
      if (this.#queue.length <= this.#maxRecord) return undefined;
      const what = `a record has more than ${this.#maxRecord} bytes, the limit of the stream`;
      throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', what);
    }
    if (this.#queue.length === before) {
      throw new PeerError('P2P_ERR_STALLED_DECODER', '`open` returned a record without consuming a byte');
    }
    return opened.length === 0 ? [] : [opened];
  }

  #tryOpen(): Buffer | NeedMore | null {
    try {
      const opened = this.#open(this.#queue);
      return opened === null || opened === NEED_MORE ? opened : asBuffer(opened, 'open');
    } catch (cause) {
      throw asOurs(cause, 'P2P_ERR_INVALID_FRAME', 'a record cannot be opened');
    }
  }
}

/** What `make` returns. */
function sealed(name: 'seal' | 'sealEnd', make: () => Uint8Array): Buffer {
  try {
    return asBuffer(make(), name);
  } catch (cause) {
    const remedy = 'the stream is destroyed: bytes that cannot be sealed are not sent';
    throw asOurs(cause, 'P2P_ERR_ENCODE_FAILED', `\`${name}\` of sealedStream() threw`, remedy);
  }
}

/**
 * What a function threw, as an error of ours: streams look into errors, and take `undefined` for none.
 * INVARIANT: foreign-values-are-harmless.
 */
function asOurs(cause: unknown, code: PeerErrorCode, what: string, remedy?: string): PeerError {
  // Of another class, its properties may be anything.
  if (PeerError.is(cause) && Object.getPrototypeOf(cause) === PeerError.prototype) return cause;
  const options = remedy === undefined ? { cause } : { cause, remedy };
  return new PeerError(PeerError.is(cause) ? cause.code : code, `${what}: ${describe(cause)}`, options);
}

function asBuffer(bytes: unknown, name: 'seal' | 'open' | 'sealEnd'): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  if (bytes instanceof Uint8Array) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  whenSettled(bytes as PromiseLike<unknown>, ignore, ignore); // nobody will await it, of whatever realm it is
  const what = `\`${name}\` of sealedStream() returned ${describe(bytes)}`;
  throw new PeerError('P2P_ERR_BAD_DECODER', what, { remedy: 'return a Uint8Array, at once' });
}

function ignore(): void {}
