import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, Codec, Decoder, Keeps, NeedMore } from '@pea2pea/core';
import { FrameLimit } from './frame-limit.js';
import { FILL_HEAD, type HeadFilling } from './framing.js';
import { HeadInMessage, lengthEncoder } from './length-encoder.js';
import {
  declaresTooMuch,
  resolveLayout,
  type LengthDelimitedOptions,
  type LengthLayout,
} from './length-layout.js';

/**
 * Frames that begin with their length.
 *
 * ```text
 * all knobs:
 *   [ magic ... lengthFieldOffset | length: lengthFieldLength | ... ][ ......... ]
 *   `--------------- numSkip, not in the message -----------------'`---- the message -----'
 *                                                                   length + lengthAdjustment bytes
 * default:
 *   [ length: 4 bytes, big endian | payload ]
 * ```
 *
 * Received are bytes; sent are bytes, or text as UTF-8, so that it carries message formats of both kinds
 * ({@link json}). It writes what it reads: with `numSkip: 0` a message contains its head, and sending fills in the length.
 *
 * note: decodes as tokio-util's `LengthDelimitedCodec` (0.7.20) does, but for three things: a negative adjustment takes
 * nothing off what the length field can hold (there one byte with an adjustment of -2 declares 253 at most, here 255); a
 * frame that was cut off right after its head is an error; and so is one that declares less than the part of its head that
 * is in the message. The encoder there writes `[ length - lengthAdjustment | payload ]` whatever `lengthFieldOffset` and `numSkip`
 * are, and compares `maxFrameLength` with the payload; here with the declared length, both ways.
 * note: a message is a view into what arrived, where that is one piece; see `ByteQueue.read`.
 * note: a payload of 32 KiB or more is sent by reference: leave it alone until the send resolved.
 * note: in text half a surrogate pair is sent as U+FFFD.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function lengthDelimited(options: LengthDelimitedOptions = {}): Codec<Buffer, Uint8Array | string> {
  const layout = resolveLayout(options);
  const encoder = lengthEncoder(layout);
  const codec: Codec<Buffer, Uint8Array | string> & HeadFilling = {
    name: 'lengthDelimited',
    decoder: (context) => new LengthDelimitedDecoder(layout, new FrameLimit(context, layout.limit)),
    encoder: () => encoder,
    statelessEncoder: true,
    [FILL_HEAD]:
      encoder instanceof HeadInMessage ? (message, length) => encoder.fillHead(message, length) : undefined,
  };
  return codec;
}

class LengthDelimitedDecoder implements Decoder<Buffer> {
  readonly keeps: Keeps;
  readonly #layout: LengthLayout;
  readonly #limit: FrameLimit;
  /** Up to here the head has to be there for its length to be known. */
  readonly #headLength: number;
  /** Bytes without which there is nothing to do: the length field first, then the whole frame. */
  #awaited: number;

  constructor(layout: LengthLayout, limit: FrameLimit) {
    this.keeps = layout.keeps;
    this.#layout = layout;
    this.#limit = limit;
    this.#headLength = layout.fieldOffset + layout.fieldLength;
    this.#awaited = this.#headLength;
  }

  decode(input: ByteQueue): Buffer | NeedMore {
    const available = input.length;
    if (this.#layout.magic !== undefined) this.#requireMagic(input);
    if (available < this.#awaited) {
      if (this.#awaited > this.#headLength) this.#declaredSize(input); // the limit may have come down
      return NEED_MORE;
    }
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
    if (declared > limit) throw declaresTooMuch(declared, limit);
    const size = declared + adjustment;
    if (size < 0 || skip + size < this.#headLength) {
      const what = size < 0 ? `an adjustment of ${adjustment} makes ${size}` : `end inside of its head`;
      throw new PeerError('P2P_ERR_INVALID_FRAME', `a frame declares ${declared} bytes, which ${what}`);
    }
    return size;
  }

  /** As far as it has arrived: who speaks another protocol may never send more. */
  #requireMagic(input: ByteQueue): void {
    const magic = this.#layout.magic!;
    const available = Math.min(input.length, magic.length);
    for (let at = 0; at < available; at++) {
      if (input.peek(at) !== magic[at]) {
        throw new PeerError('P2P_ERR_INVALID_FRAME', 'a frame does not begin with the magic bytes');
      }
    }
  }
}
