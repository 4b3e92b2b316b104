import { isUint8Array } from 'node:util/types';
import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, Decoder, Encoder, Endianness, NeedMore } from '@pea2pea/core';
import { invalidConfig, requireInteger, requireKnown, requireOneOf } from '@pea2pea/core/authoring';
import { FrameLimit } from './frame-limit.js';
import { CODEC_DEFAULTS } from './options.js';
import { wrongType } from './framing.js';

/** The knobs of tokio-util's `LengthDelimitedCodec`. */
export interface LengthDelimitedOptions {
  /**
   * The largest length that a frame may declare, in bytes, before `lengthAdjustment`; both ways.
   *
   * note: what the length field cannot hold is beyond the limit, whatever stands here.
   * @default 1048576
   */
  readonly maxFrameLength?: number;
  /** Bytes before the length field; the decoder alone heeds it. @default 0 */
  readonly lengthFieldOffset?: number;
  /** Size of the length field in bytes, 1 to 8. @default 4 */
  readonly lengthFieldLength?: number;
  /** Byte order of the length field. @default 'big' */
  readonly endianness?: Endianness;
  /**
   * What is added to the declared length to have the number of bytes after the skipped head.
   *
   * note: negative where the declared length counts the head.
   * @default 0
   */
  readonly lengthAdjustment?: number;
  /**
   * Bytes cut off the front before the rest is handed out as a message; the decoder alone heeds it.
   *
   * note: 0 keeps the head in the message; `lengthAdjustment` then has to count it.
   * @default lengthFieldOffset + lengthFieldLength
   */
  readonly numSkip?: number;
}

/**
 * Frames that begin with their length.
 *
 * ```text
 * decoded, all knobs:
 *   [ lengthFieldOffset | length: lengthFieldLength | ... ][ ......... ]
 *   `---------- numSkip, thrown away ----------'`---- the message -----'
 *                                                 length + lengthAdjustment bytes
 * default:
 *   [ length: 4 bytes, big endian | payload ]
 * ```
 *
 * Received are bytes; sent are bytes, or text as UTF-8, so that it carries message formats of both kinds
 * ({@link json}).
 *
 * note: behaves as tokio-util's `LengthDelimitedCodec` (0.7.20) does, but for four things. `maxFrameLength` limits the
 * declared length in both directions (there the encoder looks at the payload, so that with an adjustment it
 * writes frames that its twin refuses); a negative adjustment takes nothing off what the length field can hold (there
 * one byte with an adjustment of -2 declares 253 at most, here 255); a frame that was cut off right after its head is an
 * error; and so is a frame without a single byte, which `numSkip: 0` would allow.
 * note: as there, the encoder writes `[ length - lengthAdjustment | payload ]` whatever `lengthFieldOffset` and
 * `numSkip` are. A head that holds more needs an encoder of yours: `{ decoder: lengthDelimited(knobs).decoder, encoder }`.
 * note: a message is a view into what arrived, where that is one piece; see `ByteQueue.read`.
 * note: a payload of 32 KiB or more is sent by reference: leave it alone until the send resolved.
 * note: in text half a surrogate pair is sent as U+FFFD.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function lengthDelimited(options: LengthDelimitedOptions = {}): Codec<Buffer, Uint8Array | string> {
  const layout = resolveLayout(options);
  const encoder = new LengthDelimitedEncoder(layout);
  return {
    decoder: (context) => new LengthDelimitedDecoder(layout, new FrameLimit(context, layout.limit)),
    encoder: () => encoder,
    statelessEncoder: true,
  };
}

interface Layout {
  /** The most that a declared length may be. */
  readonly limit: number;
  readonly fieldOffset: number;
  readonly fieldLength: number;
  readonly endianness: Endianness;
  readonly adjustment: number;
  readonly skip: number;
}

function resolveLayout(options: LengthDelimitedOptions): Layout {
  const defaults = CODEC_DEFAULTS.lengthDelimited;
  requireKnown('the options of lengthDelimited()', options, [...Object.keys(defaults), 'numSkip']);
  const { endianness = defaults.endianness } = options;
  const integer = (name: IntegerOption, fallback: number, min: number, max?: number): number =>
    requireInteger(name, options[name] === undefined ? fallback : options[name], { min, max });

  const maxFrameLength = integer('maxFrameLength', defaults.maxFrameLength, 1);
  const fieldOffset = integer('lengthFieldOffset', defaults.lengthFieldOffset, 0);
  const fieldLength = integer('lengthFieldLength', defaults.lengthFieldLength, 1, 8);
  const adjustment = integer('lengthAdjustment', defaults.lengthAdjustment, Number.MIN_SAFE_INTEGER);
  const skip = integer('numSkip', fieldOffset + fieldLength, 0);
  requireOneOf('endianness', endianness, ['big', 'little']);

  const limit = Math.min(maxFrameLength, 256 ** fieldLength - 1);
  if (limit + adjustment < 1) {
    throw invalidConfig(
      `\`lengthAdjustment\` of ${adjustment} leaves no payload to a length of at most ${limit}`,
    );
  }
  return { limit, fieldOffset, fieldLength, endianness, adjustment, skip };
}

type IntegerOption = Exclude<keyof LengthDelimitedOptions, 'endianness'>;

class LengthDelimitedDecoder implements Decoder<Buffer> {
  readonly #layout: Layout;
  readonly #limit: FrameLimit;
  /** Up to here the head has to be there for its length to be known. */
  readonly #headLength: number;
  /** Bytes without which there is nothing to do: the length field first, then the whole frame. */
  #awaited: number;

  constructor(layout: Layout, limit: FrameLimit) {
    this.#layout = layout;
    this.#limit = limit;
    this.#headLength = layout.fieldOffset + layout.fieldLength;
    this.#awaited = this.#headLength;
  }

  decode(input: ByteQueue): Buffer | NeedMore {
    const available = input.length;
    if (available < this.#awaited) return NEED_MORE;
    const size = this.#declaredSize(input);
    const { skip } = this.#layout;
    if (available < skip + size) {
      // The head stays where it is: a stream that ends here has bytes left over, and is found to be truncated.
      this.#awaited = skip + size;
      return NEED_MORE;
    }
    this.#awaited = this.#headLength;
    input.skip(skip);
    return input.read(size);
  }

  /** The number of bytes after the skipped head, as the frame declares it. */
  #declaredSize(input: ByteQueue): number {
    const { fieldOffset, fieldLength, endianness, adjustment, skip } = this.#layout;
    const declared = input.peekUInt(fieldOffset, fieldLength, endianness);
    const limit = this.#limit.bytes;
    if (declared > limit) throw tooLarge(declared, limit);
    const size = declared + adjustment;
    if (size < 0 || size + skip === 0) {
      throw new PeerError(
        'P2P_ERR_INVALID_FRAME',
        `a frame declares ${declared} bytes, which an adjustment of ${adjustment} makes ${size}`,
      );
    }
    return size;
  }
}

class LengthDelimitedEncoder implements Encoder<Uint8Array | string> {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  encode(payload: Uint8Array | string, output: ByteSink): void {
    if (typeof payload === 'string') {
      this.#encodeText(payload, output);
    } else if (isUint8Array(payload)) {
      this.#writeHead(payload.length, output);
      output.write(payload);
    } else {
      throw wrongType('lengthDelimited()', 'a Uint8Array or a string', payload);
    }
  }

  #encodeText(text: string, output: ByteSink): void {
    const { limit, fieldLength, endianness, adjustment } = this.#layout;
    // A UTF-16 unit takes three bytes of UTF-8 at most. Where even that fits, writing does the counting.
    if (adjustment <= 0 && text.length * 3 - adjustment <= limit) {
      const head = output.reserve(fieldLength);
      output.patchUInt(head, output.writeText(text) - adjustment, fieldLength, endianness);
      return;
    }
    this.#writeHead(Buffer.byteLength(text), output);
    output.writeText(text);
  }

  /** Throws before it writes, so that a refused payload leaves nothing behind. */
  #writeHead(size: number, output: ByteSink): void {
    const { limit, fieldLength, endianness, adjustment } = this.#layout;
    const declared = size - adjustment;
    if (declared > limit) throw tooLarge(declared, limit);
    if (declared < 0) {
      throw new PeerError(
        'P2P_ERR_INVALID_FRAME',
        `a payload of ${size} bytes is shorter than the adjustment of ${adjustment}`,
      );
    }
    output.writeUInt(declared, fieldLength, endianness);
  }
}

function tooLarge(declared: number, limit: number): PeerError {
  return new PeerError(
    'P2P_ERR_FRAME_TOO_LARGE',
    `a frame declares ${declared} bytes, the limit is ${limit}`,
  );
}
