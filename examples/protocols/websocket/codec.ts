import { randomBytes } from 'node:crypto';
import { NEED_MORE, PeerError, type ByteQueue, type ByteSink } from '@pea2pea/core';
import type { Decoder, Direction, TaggedCodec } from '@pea2pea/core';
import { decodeUtf8 } from '@pea2pea/core/authoring';

/** What WebSockets carry. A ping has to be replied to with its bytes, a close with a close. */
export type Message =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'binary'; readonly bytes: Uint8Array }
  | { readonly type: 'ping'; readonly bytes: Uint8Array }
  | { readonly type: 'pong'; readonly bytes: Uint8Array }
  | { readonly type: 'close'; readonly code?: number; readonly reason?: string };

const OPCODES = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const [CONTINUATION, FIN, MASKED, RESERVED] = [0, 0x80, 0x80, 0x70];

/** Codes of a close, RFC 6455 7.4.1. What a decoder throws has one of them as its `cause`. */
export const [PROTOCOL_ERROR, INVALID_PAYLOAD, TOO_BIG] = [1_002, 1_007, 1_009];

function malformed(what: string, code = PROTOCOL_ERROR): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', what, { cause: code });
}

/** The frames of RFC 6455, for either side: who dialled masks what it sends. */
export function webSocket({ maxLength = 1024 * 1024 } = {}): TaggedCodec<Message, Message, 'type'> {
  return {
    tagKey: 'type',
    tags: Object.keys(OPCODES),
    decoder: ({ direction }) => new FrameDecoder(direction, maxLength),
    encoder: ({ direction }) => ({ encode: (message, output) => encode(message, output, direction) }),
  };
}

class FrameDecoder implements Decoder<Message> {
  readonly #direction: Direction;
  readonly #maxLength: number;
  /**
   * Fragments of an unfinished message. They cannot stay in the queue, as pings may come between them: what they hold is
   * bounded by `maxLength`, and by nothing else.
   */
  #fragments: Buffer[] = [];
  #length = 0;
  #opcode = CONTINUATION;

  constructor(direction: Direction, maxLength: number) {
    this.#direction = direction;
    this.#maxLength = maxLength;
  }

  decode(input: ByteQueue): Message | typeof NEED_MORE {
    for (;;) {
      if (input.length < 2) return NEED_MORE;
      const [first, second] = [input.peek(0), input.peek(1)];
      const [opcode, isLast, isMasked] = [first & 15, (first & FIN) !== 0, (second & MASKED) !== 0];
      const isControl = opcode >= OPCODES.close;
      if ((first & RESERVED) !== 0) throw malformed('an extension is used that was not agreed on');
      if (isMasked !== (this.#direction === 'inbound'))
        throw malformed('a frame is masked by the wrong side');
      const short = second & 127;
      const sizeOfLength = short < 126 ? 0 : short === 126 ? 2 : 8;
      const head = 2 + sizeOfLength + (isMasked ? 4 : 0);
      if (input.length < head) return NEED_MORE;
      const length = sizeOfLength === 0 ? short : input.peekUInt(2, sizeOfLength);
      if (isControl && (!isLast || length > 125)) throw malformed('a control frame is long or in pieces');
      if (length + (isControl ? 0 : this.#length) > this.#maxLength) {
        throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', `the limit is ${this.#maxLength} bytes`, {
          cause: TOO_BIG,
        });
      }
      if (input.length < head + length) return NEED_MORE;
      input.skip(head - (isMasked ? 4 : 0));
      const mask = isMasked ? input.read(4) : undefined;
      const payload = input.read(length);
      if (mask !== undefined) applyMask(payload, mask);
      if (isControl) return controlOf(opcode, payload);
      if ((opcode === CONTINUATION) === (this.#opcode === CONTINUATION))
        throw malformed('a fragment is out of order');
      if (opcode !== CONTINUATION) this.#opcode = opcode;
      this.#fragments.push(payload);
      this.#length += length;
      if (isLast) return this.#message();
    }
  }

  #message(): Message {
    const payload = this.#fragments.length === 1 ? this.#fragments[0]! : Buffer.concat(this.#fragments);
    const opcode = this.#opcode;
    this.#fragments = [];
    this.#length = 0;
    this.#opcode = CONTINUATION;
    if (opcode === OPCODES.binary) return { type: 'binary', bytes: payload };
    if (opcode === OPCODES.text) return { type: 'text', text: textOf(payload) };
    throw malformed(`the opcode ${opcode} is not known`);
  }
}

/** In place: what was read belongs to the decoder. */
function applyMask(payload: Buffer, mask: Buffer): void {
  for (let at = 0; at < payload.length; at++) payload[at]! ^= mask[at & 3]!;
}

function textOf(payload: Buffer): string {
  try {
    return decodeUtf8(payload);
  } catch {
    throw malformed('a text is not UTF-8', INVALID_PAYLOAD);
  }
}

function controlOf(opcode: number, payload: Buffer): Message {
  if (opcode === OPCODES.ping) return { type: 'ping', bytes: payload };
  if (opcode === OPCODES.pong) return { type: 'pong', bytes: payload };
  if (opcode !== OPCODES.close) throw malformed(`the opcode ${opcode} is not known`);
  if (payload.length === 0) return { type: 'close' };
  const code = payload.length === 1 ? 0 : payload.readUInt16BE(0);
  if (code < 1_000 || (code > 1_003 && code < 1_007) || (code > 1_014 && code < 3_000) || code > 4_999) {
    throw malformed('a close has a code that is not for the wire');
  }
  return { type: 'close', code, reason: textOf(payload.subarray(2)) };
}

function payloadOf(message: Message): Uint8Array {
  if (message.type === 'text') return Buffer.from(message.text);
  if (message.type !== 'close') return message.bytes;
  if (message.code === undefined) return Buffer.alloc(0);
  const reason = Buffer.from(message.reason ?? '');
  return Buffer.concat([Buffer.from([message.code >> 8, message.code & 255]), reason]);
}

function encode(message: Message, output: ByteSink, direction: Direction): void {
  const payload = payloadOf(message);
  const opcode = OPCODES[message.type];
  if (opcode >= OPCODES.close && payload.length > 125)
    throw malformed('a control frame has 125 bytes at most');
  const isMasked = direction === 'outbound';
  output.writeUInt(FIN | opcode, 1);
  const short = payload.length < 126 ? payload.length : payload.length < 65_536 ? 126 : 127;
  output.writeUInt(short | (isMasked ? MASKED : 0), 1);
  if (short > 125) output.writeUInt(payload.length, short === 126 ? 2 : 8);
  if (!isMasked) return output.write(payload);
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  applyMask(masked, mask);
  output.write(mask);
  output.write(masked);
}
