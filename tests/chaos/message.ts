import { NEED_MORE, PeerError, type Codec } from '@pea2pea/core';

/** A message that says where it comes from, and whose every byte follows from its number. */
export interface ChaosMessage {
  /** The name of the sender. */
  readonly from: string;
  /** Rises with every message of a sender. */
  readonly number: number;
  /** Bytes of the body. */
  readonly size: number;
  /** Makes the encoder throw in the middle of it. */
  readonly poisoned?: boolean;
  /** Of a received message: whether every byte of the body is what it should be. */
  readonly intact?: boolean;
}

/**
 * ```text
 *   0xC5 | length: 4 | number: 4 | name length: 1 | name | body
 *                    '------------- length bytes ------------'
 * ```
 */
const MARK = 0xc5;
const HEADER = 5;
export const MAX_FRAME = 96 * 1024;

/** A body is a cut from this: byte `i` of message `n` is byte `n % 251 + i` of a counting pattern. */
const PATTERN = Buffer.from(new Uint8Array(MAX_FRAME + 251).map((_, index) => index * 7 + (index >> 8)));

function bodyOf(number: number, size: number): Buffer {
  return PATTERN.subarray(number % 251, (number % 251) + size);
}

export function chaosCodec(statelessEncoder: boolean): Codec<ChaosMessage> {
  return {
    statelessEncoder,
    decoder: () => ({
      decode(input) {
        if (input.length < HEADER) return NEED_MORE;
        if (input.peek(0) !== MARK) throw new PeerError('P2P_ERR_INVALID_FRAME', 'a frame has no mark');
        const length = input.peekUInt(1, 4);
        if (length > MAX_FRAME) throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', `${length} bytes declared`);
        if (input.length < HEADER + length) return NEED_MORE;
        input.skip(HEADER);
        const number = input.peekUInt(0, 4);
        const nameLength = input.peek(4);
        input.skip(5);
        const from = input.readText(nameLength);
        const body = input.read(length - 5 - nameLength);
        return { from, number, size: body.length, intact: body.equals(bodyOf(number, body.length)) };
      },
    }),
    encoder: () => ({
      encode({ from, number, size, poisoned = false }, output) {
        output.writeUInt(MARK, 1);
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
    }),
  };
}

/** The frame of a message, for those who have no codec. */
export function frame({ from, number, size }: ChaosMessage): Buffer {
  const head = Buffer.alloc(HEADER + 5);
  head.writeUInt8(MARK, 0);
  head.writeUInt32BE(5 + from.length + size, 1);
  head.writeUInt32BE(number, 5);
  head.writeUInt8(from.length, 9);
  return Buffer.concat([head, Buffer.from(from), bodyOf(number, size)]);
}

/** The beginning of a frame that declares more than anybody may send. */
export function oversizedFrame(): Buffer {
  const head = Buffer.alloc(HEADER + 100);
  head.writeUInt8(MARK, 0);
  head.writeUInt32BE(MAX_FRAME + 1, 1);
  return head;
}
