import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, Decoder, Encoder, NeedMore } from '@pea2pea/core';
import { requireInteger, requireKnown, requireOneOf } from '@pea2pea/core/authoring';
import { FrameLimit } from './frame-limit.js';
import { bytesOf } from './framing.js';
import { CODEC_DEFAULTS } from './options.js';

/** The longest varint that the unsigned-varint specification allows; it holds 63 bits. */
const MAX_VARINT = 9;
/** The longest of protobuf, where it may be padded. */
const MAX_PADDED = 10;

/** Options of {@link varintDelimited}. */
export interface VarintDelimitedOptions {
  /** The largest payload in bytes; both ways. @default 1048576 */
  readonly maxFrameLength?: number;
  /**
   * Whether a received length may have more bytes than it needs, up to ten: `85 80 80 80 00` for 5. Writers of protobuf
   * that leave room for a length and fill it in later send such ones.
   * @default 'refuse'
   */
  readonly padded?: 'refuse' | 'take';
}

/**
 * Frames that begin with their length as an unsigned varint (LEB128), as libp2p and length-delimited protobuf write them.
 *
 * ```text
 * [ 1 | 7 bits ] ... [ 0 | 7 bits ] [ payload ]
 *   `- the length, low bits first -'
 * 300 -> ac 02
 * ```
 *
 * Received are bytes; sent are bytes, or text as UTF-8.
 *
 * note: follows multiformats/unsigned-varint: a length in more bytes than it needs, or in more than nine, is refused,
 * unless `padded` is `'take'`. What is sent is never padded.
 * note: a message is a view into what arrived, where that is one piece; see `ByteQueue.read`.
 * note: a payload of 32 KiB or more is sent by reference: leave it alone until the send resolved.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function varintDelimited(options: VarintDelimitedOptions = {}): Codec<Buffer, Uint8Array | string> {
  const defaults = CODEC_DEFAULTS.varintDelimited;
  requireKnown('the options of varintDelimited()', options, Object.keys(defaults));
  const { maxFrameLength = defaults.maxFrameLength, padded = defaults.padded } = options;
  requireInteger('maxFrameLength', maxFrameLength, { min: 1 });
  const takesPadded = requireOneOf('padded', padded, ['refuse', 'take']) === 'take';

  const encoder = new VarintDelimitedEncoder(maxFrameLength);
  return {
    decoder: (context) => new VarintDelimitedDecoder(new FrameLimit(context, maxFrameLength), takesPadded),
    encoder: () => encoder,
    statelessEncoder: true,
  };
}

class VarintDelimitedDecoder implements Decoder<Buffer> {
  readonly #limit: FrameLimit;
  readonly #takesPadded: boolean;
  /** Bytes without which there is nothing to do: the whole frame, once its length is known. */
  #awaited = 1;

  constructor(limit: FrameLimit, takesPadded: boolean) {
    this.#limit = limit;
    this.#takesPadded = takesPadded;
  }

  decode(input: ByteQueue): Buffer | NeedMore {
    if (input.length < this.#awaited) return NEED_MORE;
    const head = headLength(input, this.#takesPadded);
    if (head === 0) return NEED_MORE;
    const size = lengthIn(input, head);
    if (size > this.#limit.bytes) throw tooLarge(size, this.#limit.bytes);
    if (input.length < head + size) {
      // The head stays where it is: a stream that ends here has bytes left over, and is found to be truncated.
      this.#awaited = head + size;
      return NEED_MORE;
    }
    this.#awaited = 1;
    input.skip(head);
    return input.read(size);
  }
}

/** How many bytes the varint has, or 0 while its last is missing. */
function headLength(input: ByteQueue, takesPadded: boolean): number {
  const longest = takesPadded ? MAX_PADDED : MAX_VARINT;
  for (let at = 0; at < input.length; at++) {
    const byte = input.peek(at);
    if (byte < 0x80) {
      if (byte === 0 && at > 0 && !takesPadded) throw invalidHead('is written in more bytes than it needs');
      return at + 1;
    }
    if (at + 1 === longest) throw invalidHead(`has more than ${longest} bytes`);
  }
  return 0;
}

/** Exact as far as numbers count exactly, and beyond every limit where they do not. */
function lengthIn(input: ByteQueue, head: number): number {
  let length = 0;
  for (let at = head - 1; at >= 0; at--) length = length * 128 + (input.peek(at) & 0x7f);
  return length;
}

class VarintDelimitedEncoder implements Encoder<Uint8Array | string> {
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  encode(payload: Uint8Array | string, output: ByteSink): void {
    // Text is not turned into bytes of its own: it is counted, and written where it belongs.
    const isText = typeof payload === 'string';
    const size = isText ? Buffer.byteLength(payload) : bytesOf(payload, 'varintDelimited()').length;
    if (size > this.#limit) throw tooLarge(size, this.#limit);
    let rest = size;
    while (rest > 0x7f) {
      output.writeUInt((rest % 128) + 128, 1);
      rest = Math.floor(rest / 128);
    }
    output.writeUInt(rest, 1);
    if (isText) output.writeText(payload);
    else output.write(payload);
  }
}

function tooLarge(size: number, limit: number): PeerError {
  return new PeerError('P2P_ERR_FRAME_TOO_LARGE', `a frame declares ${size} bytes, the limit is ${limit}`);
}

function invalidHead(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', `the varint that a frame begins with ${what}`);
}
