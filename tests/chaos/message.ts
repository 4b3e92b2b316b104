import { NEED_MORE, PeerError, type Codec, type Decoder, type Encoder } from '@pea2pea/core';
import { talks } from './talk.js';

/** What a message says of the bytes after it: a block of raw bytes, or that both sides go on masked. */
const KINDS = ['plain', 'block', 'mask', 'masked'] as const;
export type MessageKind = (typeof KINDS)[number];

/** A message that says where it comes from, and whose every byte follows from its number. */
export interface ChaosMessage {
  /** The name of the sender. */
  readonly from: string;
  /** Rises with every message of a sender. */
  readonly number: number;
  /** Bytes of the body. */
  readonly size: number;
  /** @default 'plain' */
  readonly kind?: MessageKind;
  /** Of a received message: which of the two codecs encoded it. */
  readonly variant?: number;
  /** Makes the encoder throw in the middle of it. */
  readonly poisoned?: boolean;
  /** Of a received message: whether every byte of the body is what it should be. */
  readonly intact?: boolean;
}

/**
 * ```text
 *   mark: 1 | length: 4 | number: 4 | name length: 1 | name | body
 *                       '------------- length bytes ------------'
 * ```
 *
 * The mark is 0xC0, the kind, and 4 where the second of the two codecs encoded it.
 */
const MARK = 0xc0;
const LAST_MARK = 0xc7;
const HEADER = 5;
export const MAX_FRAME = 96 * 1024;

/** A body is a cut from this: byte `i` of message `n` is byte `n % 251 + i` of a counting pattern. */
const PATTERN = Buffer.from(new Uint8Array(MAX_FRAME + 251).map((_, index) => index * 7 + (index >> 8)));

function bodyOf(number: number, size: number): Buffer {
  return PATTERN.subarray(number % 251, (number % 251) + size);
}

/** A decoder that nobody watches. */
export function frameDecoder(): Decoder<ChaosMessage> {
  return {
    decode(input) {
      if (input.length < HEADER) return NEED_MORE;
      const mark = input.peek(0);
      if (mark < MARK || mark > LAST_MARK)
        throw new PeerError('P2P_ERR_INVALID_FRAME', 'a frame has no mark');
      const length = input.peekUInt(1, 4);
      if (length > MAX_FRAME) throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', `${length} bytes declared`);
      if (input.length < HEADER + length) return NEED_MORE;
      input.skip(HEADER);
      const number = input.peekUInt(0, 4);
      const nameLength = input.peek(4);
      input.skip(5);
      const from = input.readText(nameLength);
      const body = input.read(length - 5 - nameLength);
      const intact = body.equals(bodyOf(number, body.length));
      return { from, number, size: body.length, kind: KINDS[mark & 3]!, variant: (mark >> 2) & 1, intact };
    },
  };
}

/** One of two codecs: each decodes what both encode. */
export function chaosCodec(statelessEncoder: boolean, variant = 0): Codec<ChaosMessage> {
  return {
    statelessEncoder,
    decoder: ({ context }) => context.get(talks)?.watched(frameDecoder()) ?? frameDecoder(),
    encoder: ({ context }) => {
      context.get(talks)?.encodesAs(variant);
      return encoderOf(variant);
    },
  };
}

function encoderOf(variant: number): Encoder<ChaosMessage> {
  return {
    encode({ from, number, size, kind = 'plain', poisoned = false }, output) {
      output.writeUInt(MARK + KINDS.indexOf(kind) + 4 * variant, 1);
      const length = output.reserve(4);
      output.writeUInt(number, 4);
      output.writeUInt(from.length, 1);
      output.writeText(from);
      const body = bodyOf(number, size);
      // In two parts, so that a frame may end in another slab than it began in.
      output.write(body.subarray(0, size >> 1));
      if (poisoned) throw new Error('this message is poisoned');
      output.write(body.subarray(size >> 1));
      output.patchUInt(length, output.length - HEADER, 4);
    },
  };
}

/** The frame of a message, for those who have no codec. */
export function frame({ from, number, size, kind = 'plain' }: ChaosMessage, variant = 0): Buffer {
  const head = Buffer.alloc(HEADER + 5);
  head.writeUInt8(MARK + KINDS.indexOf(kind) + 4 * variant, 0);
  head.writeUInt32BE(5 + from.length + size, 1);
  head.writeUInt32BE(number, 5);
  head.writeUInt8(from.length, 9);
  return Buffer.concat([head, Buffer.from(from), bodyOf(number, size)]);
}

/** The raw bytes after the block message `number`: frames that nobody may ever decode. */
export function blockOf(number: number): Buffer {
  const traps = Array.from({ length: 1 + (number % 7) }, (_, index) =>
    frame({ from: 'trap', number, size: (number * 37 + index * 101) % 2_000 }),
  );
  return Buffer.concat(traps);
}

/** The beginning of a frame that declares more than anybody may send. */
export function oversizedFrame(): Buffer {
  const head = Buffer.alloc(HEADER + 100);
  head.writeUInt8(MARK, 0);
  head.writeUInt32BE(MAX_FRAME + 1, 1);
  return head;
}
