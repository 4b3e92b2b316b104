import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, Decoder, Encoder, Keeps, NeedMore } from '@pea2pea/core';
import { requireInteger, requireKnown, requireOneOf } from '@pea2pea/core/authoring';
import { viewsAre, type BorrowedOption } from './borrowed.js';
import { FrameLimit } from './frame-limit.js';
import { bytesOf } from './framing.js';
import { CODEC_DEFAULTS } from './options.js';

/** The longest varint that the unsigned-varint specification allows; it holds 63 bits. */
const MAX_VARINT = 9;
/** The longest of protobuf, where it may be padded. */
const MAX_PADDED = 10;

/** Options of {@link varintDelimited}. */
export interface VarintDelimitedOptions extends BorrowedOption {
  /** The largest payload in bytes; both ways. @default 1048576 */
  readonly maxFrameLength?: number;
  /**
   * Whether a received length may have more bytes than it needs, up to ten: `85 80 80 80 00` for 5. Writers of protobuf
   * that leave room for a length and fill it in later send such ones.
   * @default 'refuse'
   */
  readonly padded?: 'refuse' | 'take';
  /**
   * Bytes before the length, which are the beginning of the message; the length itself is not in it. The fixed header of
   * MQTT is one.
   * @default 0
   */
  readonly offset?: number;
  /** The most bytes that a received length may have, 1 to 9, or 10 if it may be padded. MQTT allows 4. @default 9, or 10 */
  readonly maxVarintLength?: number;
}

/**
 * Frames that begin with their length as an unsigned varint (LEB128), as libp2p and length-delimited protobuf write them.
 *
 * ```text
 * [ 1 | 7 bits ] ... [ 0 | 7 bits ] [ payload ]
 *   `- the length, low bits first -'
 * 300 -> ac 02
 *
 * offset: 1
 * [ type | length | payload ]        the message is  [ type | payload ]
 * ```
 *
 * Received are bytes; sent are bytes, or text as UTF-8.
 *
 * note: follows multiformats/unsigned-varint: a length in more bytes than it needs, or in more than nine, is refused,
 * unless `padded` is `'take'`. What is sent is never padded.
 * note: a message is a view into what arrived, where that is one piece; see `ByteQueue.read`. With `offset`, too: its
 * beginning is moved to the rest.
 * note: a payload of 32 KiB or more is sent by reference: leave it alone until the send resolved.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function varintDelimited(options: VarintDelimitedOptions = {}): Codec<Buffer, Uint8Array | string> {
  const rules = resolveRules(options);
  const encoder = new VarintDelimitedEncoder(rules);
  return {
    name: 'varintDelimited',
    decoder: (context) => new VarintDelimitedDecoder(rules, new FrameLimit(context, rules.limit)),
    encoder: () => encoder,
    statelessEncoder: true,
  };
}

interface Rules {
  readonly limit: number;
  readonly takesPadded: boolean;
  readonly offset: number;
  readonly maxVarint: number;
  readonly keeps: 'borrowed' | 'messages';
}

function resolveRules(options: VarintDelimitedOptions): Rules {
  const defaults = CODEC_DEFAULTS.varintDelimited;
  requireKnown('the options of varintDelimited()', options, [...Object.keys(defaults), 'maxVarintLength']);
  const {
    maxFrameLength = defaults.maxFrameLength,
    padded = defaults.padded,
    offset = defaults.offset,
    borrowed = defaults.borrowed,
  } = options;
  const takesPadded = requireOneOf('padded', padded, ['refuse', 'take']) === 'take';
  const longest = takesPadded ? MAX_PADDED : MAX_VARINT;
  const maxVarint = requireInteger('maxVarintLength', options.maxVarintLength ?? longest, {
    min: 1,
    max: longest,
  });
  return {
    limit: Math.min(requireInteger('maxFrameLength', maxFrameLength, { min: 1 }), 128 ** maxVarint - 1),
    takesPadded,
    offset: requireInteger('offset', offset, { min: 0, max: MAX_OFFSET }),
    maxVarint,
    keeps: viewsAre(borrowed),
  };
}

/** No protocol has more before a length; each byte is moved, one by one. */
const MAX_OFFSET = 1024;

class VarintDelimitedDecoder implements Decoder<Buffer> {
  readonly keeps: Keeps;
  readonly #rules: Rules;
  readonly #limit: FrameLimit;

  constructor(rules: Rules, limit: FrameLimit) {
    this.keeps = rules.keeps;
    this.#rules = rules;
    this.#limit = limit;
  }

  decode(input: ByteQueue): Buffer | NeedMore {
    const { offset } = this.#rules;
    if (input.length <= offset) return NEED_MORE;
    const varint = varintLength(input, this.#rules);
    if (varint === 0) return NEED_MORE;
    const size = lengthIn(input, offset, varint);
    if (size > this.#limit.bytes) throw tooLarge(size, this.#limit.bytes);
    const frame = offset + varint + size;
    // The head stays where it is: a stream that ends here has bytes left over, and is found to be truncated.
    if (input.length < frame) return NEED_MORE;
    if (offset > 0) return withoutVarint(input.read(frame), offset, varint);
    input.skip(varint);
    return input.read(size);
  }
}

/** What is before the length takes its place. The bytes are ours: nobody else reads them. */
function withoutVarint(frame: Buffer, offset: number, varint: number): Buffer {
  for (let at = offset - 1; at >= 0; at--) frame[at + varint] = frame[at]!;
  return frame.subarray(varint);
}

/** How many bytes the varint has, or 0 while its last is missing. */
function varintLength(input: ByteQueue, { offset, maxVarint, takesPadded }: Rules): number {
  for (let at = 0; offset + at < input.length; at++) {
    const byte = input.peek(offset + at);
    if (byte < 0x80) {
      if (byte === 0 && at > 0 && !takesPadded) throw invalidHead('is written in more bytes than it needs');
      return at + 1;
    }
    if (at + 1 === maxVarint) throw invalidHead(`has more than ${maxVarint} bytes`);
  }
  return 0;
}

/** Exact as far as numbers count exactly, and beyond every limit where they do not. */
function lengthIn(input: ByteQueue, offset: number, varint: number): number {
  let length = 0;
  for (let at = offset + varint - 1; at >= offset; at--) length = length * 128 + (input.peek(at) & 0x7f);
  return length;
}

class VarintDelimitedEncoder implements Encoder<Uint8Array | string> {
  readonly #limit: number;
  readonly #offset: number;

  constructor({ limit, offset }: Rules) {
    this.#limit = limit;
    this.#offset = offset;
  }

  encode(payload: Uint8Array | string, output: ByteSink): void {
    if (this.#offset > 0) {
      this.#encodeAfter(bytesOf(payload, 'varintDelimited()'), output);
      return;
    }
    // Text is not turned into bytes of its own: it is counted, and written where it belongs.
    const isText = typeof payload === 'string';
    const size = isText ? Buffer.byteLength(payload) : bytesOf(payload, 'varintDelimited()').length;
    if (size > this.#limit) throw tooLarge(size, this.#limit);
    writeVarint(size, output);
    if (isText) output.writeText(payload);
    else output.write(payload);
  }

  /** The length comes after the first bytes of the message. */
  #encodeAfter(message: Uint8Array, output: ByteSink): void {
    const offset = this.#offset;
    const size = message.length - offset;
    if (size > this.#limit) throw tooLarge(size, this.#limit);
    if (size < 0) {
      const what = `a message of ${message.length} bytes is shorter than the \`offset\` of ${offset}`;
      throw new PeerError('P2P_ERR_INVALID_FRAME', what);
    }
    for (let at = 0; at < offset; at++) output.writeUInt(message[at]!, 1);
    writeVarint(size, output);
    if (size > 0) output.write(message.subarray(offset));
  }
}

function writeVarint(value: number, output: ByteSink): void {
  let rest = value;
  while (rest > 0x7f) {
    output.writeUInt((rest % 128) + 128, 1);
    rest = Math.floor(rest / 128);
  }
  output.writeUInt(rest, 1);
}

function tooLarge(size: number, limit: number): PeerError {
  return new PeerError('P2P_ERR_FRAME_TOO_LARGE', `a frame declares ${size} bytes, the limit is ${limit}`);
}

function invalidHead(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', `the varint that a frame begins with ${what}`);
}
