import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, Decoder, Encoder, Endianness, NeedMore } from '@pea2pea/core';
import {
  codecName,
  describe,
  invalidConfig,
  requireFunction,
  requireInteger,
  requireKnown,
  requireOneOf,
} from '@pea2pea/core/authoring';
import { isUint8Array } from 'node:util/types';
import { asBuffer, bytesOf, FILL_HEAD, type BytesFraming, type HeadFilling } from './framing.js';
import { CODEC_DEFAULTS } from './options.js';
import { breachOf } from './synchronous.js';

/** Options of {@link checksummed}. */
export interface ChecksumOptions {
  /**
   * The checksum of `bytes`: a whole number, or bytes, of which the first `size` count.
   *
   * note: a number that is negative as a signed integer of 32 bits, as some CRC return it, counts as the unsigned one.
   */
  readonly compute: (bytes: Buffer) => number | Uint8Array;
  /** Size of the checksum in bytes, 1 to 8 for numbers. @default 4 */
  readonly size?: number;
  /**
   * Where the checksum is in the message, which contains it then. It need not be set in what is sent.
   * @default after the message, which does not contain it
   */
  readonly offset?: number;
  /**
   * Where in the message the bytes begin that it covers; they go to the end of the message. If the checksum is among them, it
   * counts as zeros.
   * @default the end of the checksum if there is an `offset`, else 0
   */
  readonly from?: number;
  /** Byte order of a number. @default 'big' */
  readonly endianness?: Endianness;
}

/**
 * Frames of `framing` with a checksum, computed for what is sent and compared for what is received: a received frame with a
 * wrong one is a P2P_ERR_INVALID_FRAME.
 *
 * ```text
 * checksummed(lengthDelimited(), { compute: crc32 })                 [ length | payload | checksum ]
 * checksummed(lengthDelimited({ numSkip: 0, … }), { offset: 20, … }) [ head with length and checksum | payload ]
 * ```
 *
 * note: it finds accidents. Whoever changes a frame on purpose changes the checksum too: against that, seal frames with
 * {@link transformed}.
 * note: if `framing` keeps the length in the message (`numSkip: 0`), it is filled in before the checksum is computed.
 * note: the length of `framing` counts a checksum after the message; `lengthAdjustment: 4` if it does not.
 * note: what is sent is copied.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function checksummed(
  framing: BytesFraming,
  options: ChecksumOptions,
): Codec<Buffer, Uint8Array | string> {
  const checksum = new Checksum(options);
  const fillHead = (framing as HeadFilling)[FILL_HEAD];
  const codec: Codec<Buffer, Uint8Array | string> & HeadFilling = {
    name: codecName('checksummed', framing),
    decoder: (context) => new ChecksummedDecoder(framing.decoder(context), checksum),
    encoder: (context) => new ChecksummedEncoder(framing.encoder(context), checksum, fillHead),
    statelessEncoder: framing.statelessEncoder === true,
    [FILL_HEAD]: fillHead && ((message, length) => fillHead(message, length + checksum.trailer)),
  };
  return codec;
}

/** Where a checksum is in a frame, and what it has to be. */
class Checksum {
  /** Bytes that it adds after the message. */
  readonly trailer: number;
  readonly #compute: ChecksumOptions['compute'];
  readonly #size: number;
  readonly #offset: number | undefined;
  readonly #from: number;
  readonly #endianness: Endianness;

  constructor(options: ChecksumOptions) {
    const defaults = CODEC_DEFAULTS.checksummed;
    requireKnown('the options of checksummed()', options, [
      'compute',
      'offset',
      'from',
      ...Object.keys(defaults),
    ]);
    const { offset, size = defaults.size, endianness = defaults.endianness } = options;
    this.#compute = requireFunction('compute', options.compute);
    this.#size = requireInteger('size', size, { min: 1, max: 64 });
    this.#endianness = requireOneOf('endianness', endianness, ['big', 'little']);
    this.#offset = offset === undefined ? undefined : requireInteger('offset', offset, { min: 0 });
    const end = offset === undefined ? 0 : offset + size;
    this.#from = requireInteger('from', options.from ?? end, { min: 0 });
    this.trailer = offset === undefined ? size : 0;
    if (offset !== undefined && this.#from > offset && this.#from < end)
      throw invalidConfig(
        `\`from\` of ${this.#from} is inside of the checksum, which has ${size} bytes at ${offset}`,
      );
  }

  /** Puts it into `frame`, whose other bytes are complete. */
  write(frame: Buffer): void {
    const at = this.#placeIn(frame);
    frame.fill(0, at, at + this.#size); // where it covers itself, it counts as zeros
    this.#of(frame, at).copy(frame, at);
  }

  /** The message of a received frame. @throws {PeerError} P2P_ERR_INVALID_FRAME when the checksum is another */
  check(frame: Buffer): Buffer {
    const at = this.#placeIn(frame);
    const end = at + this.#size;
    const coversItself = this.trailer === 0 && this.#from <= at;
    const theirs = coversItself ? Buffer.from(frame.subarray(at, end)) : frame.subarray(at, end);
    if (coversItself) frame.fill(0, at, end);
    const isRight = this.#of(frame, at).equals(theirs);
    if (coversItself) theirs.copy(frame, at);
    if (!isRight) throw new PeerError('P2P_ERR_INVALID_FRAME', 'the checksum of a frame is wrong');
    return this.trailer === 0 ? frame : frame.subarray(0, at);
  }

  #placeIn(frame: Buffer): number {
    const at = this.#offset ?? frame.length - this.#size;
    if (at >= 0 && at + this.#size <= frame.length && this.#from <= frame.length - this.trailer) return at;
    throw new PeerError(
      'P2P_ERR_INVALID_FRAME',
      `a frame of ${frame.length} bytes is too short for its checksum`,
    );
  }

  /** What it has to be in a frame that has it at `at`. */
  #of(frame: Buffer, at: number): Buffer {
    const computed: unknown = this.#compute(
      frame.subarray(this.#from, this.trailer === 0 ? frame.length : at),
    );
    if (isUint8Array(computed) && computed.length >= this.#size)
      return asBuffer(computed).subarray(0, this.#size);
    const value = typeof computed === 'number' && computed < 0 ? computed >>> 0 : computed;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value < 256 ** this.#size)
      return bytesOfNumber(value, this.#size, this.#endianness);
    const breach = breachOf(computed) ?? describe(computed);
    const what = `\`compute\` of checksummed() returned ${breach}`;
    throw new PeerError('P2P_ERR_BAD_DECODER', what, {
      remedy: `return a whole number of ${this.#size} bytes, or at least as many bytes, at once`,
    });
  }
}

function bytesOfNumber(value: number, size: number, endianness: Endianness): Buffer {
  const bytes = Buffer.alloc(size);
  for (let index = 0, rest = value; index < size; index++, rest = Math.floor(rest / 256)) {
    bytes[endianness === 'big' ? size - 1 - index : index] = rest % 256;
  }
  return bytes;
}

class ChecksummedDecoder implements Decoder<Buffer> {
  readonly #frames: Decoder<Buffer>;
  readonly #checksum: Checksum;

  constructor(frames: Decoder<Buffer>, checksum: Checksum) {
    this.#frames = frames;
    this.#checksum = checksum;
  }

  decode(input: ByteQueue): Buffer | NeedMore {
    const frame = this.#frames.decode(input);
    return frame === NEED_MORE ? NEED_MORE : this.#checksum.check(frame);
  }

  end(input: ByteQueue): Buffer | NeedMore {
    const frame = this.#frames.end === undefined ? NEED_MORE : this.#frames.end(input);
    return frame === NEED_MORE ? NEED_MORE : this.#checksum.check(frame);
  }

  holds(): boolean {
    return this.#frames.holds?.() === true;
  }
}

class ChecksummedEncoder implements Encoder<Uint8Array | string> {
  readonly #frames: Encoder<Uint8Array>;
  readonly #checksum: Checksum;
  readonly #fillHead: HeadFilling[typeof FILL_HEAD];

  constructor(frames: Encoder<Uint8Array>, checksum: Checksum, fillHead: HeadFilling[typeof FILL_HEAD]) {
    this.#frames = frames;
    this.#checksum = checksum;
    this.#fillHead = fillHead;
  }

  encode(payload: Uint8Array | string, output: ByteSink): void {
    const bytes = bytesOf(payload, 'checksummed()');
    const frame = Buffer.allocUnsafe(bytes.length + this.#checksum.trailer);
    frame.set(bytes);
    this.#fillHead?.(frame.subarray(0, bytes.length), frame.length);
    this.#checksum.write(frame);
    return this.#frames.encode(frame, output); // what it returns, who called us looks at
  }
}
