import {
  ConnectionContext,
  NEED_MORE,
  PeerError,
  SocketAddress,
  type Codec,
  type Connection,
  type Decoder,
} from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { Mesh } from './mesh.js';

/** What becomes of a message: passed on; not, and its senders pay for it; not, and nobody does. */
export type Verdict = 'accept' | 'reject' | 'ignore';

/** What is known of a message besides its content. */
export interface MessageAbout {
  /** The same everywhere: 32 hexadecimal digits. */
  readonly id: string;
  /** The name of the topic. */
  readonly topic: string;
  /** Who signed it; undefined where the node has no `signer`. */
  readonly origin: string | undefined;
  /** How long ago it was published, in milliseconds, as far as those who passed it on have said. */
  readonly ageMs: number;
  /** The peer that passed it on, who need not be its origin. */
  readonly from: Connection;
}

/** What is done with each message. Of a promise the next message of the same connection waits, where there is no other one to wait for. */
export type MessageHandler<T> = (message: T, about: MessageAbout) => void | Promise<void>;

/** Options of a topic. */
export interface TopicOptions<T> {
  /** The codec of its messages. Each is encoded by itself. */
  readonly codec: Codec<T>;
  /**
   * What becomes of a message of others. Messages of this node are not shown to it.
   *
   * note: what it throws or rejects with counts as `'ignore'`, and is logged.
   * @default all that can be decoded are accepted
   */
  readonly validate?: (message: T, about: MessageAbout) => Verdict | Promise<Verdict>;
}

/** A topic as the node sees it. */
export class Channel {
  readonly name: string;
  readonly codec: Codec<unknown>;
  readonly validate: TopicOptions<unknown>['validate'];
  readonly mesh = new Mesh();
  /** What is done with messages; undefined where the node has not subscribed. */
  handler: MessageHandler<unknown> | undefined;
  #decoder: Decoder<unknown> | undefined;
  readonly #input = new ChunkQueue();

  constructor(name: string, { codec, validate }: TopicOptions<unknown>) {
    this.name = name;
    this.codec = codec;
    this.validate = validate;
  }

  /** @throws whatever the decoder throws; P2P_ERR_INVALID_FRAME where it is not exactly one message */
  decode(payload: Buffer): unknown {
    const decoder = (this.#decoder ??= this.codec.decoder(NOWHERE));
    const input = this.#input;
    try {
      if (payload.length > 0) input.push(payload);
      let message: unknown = decoder.decode(input);
      if (message === NEED_MORE) message = decoder.end?.(input) ?? NEED_MORE;
      if (message === NEED_MORE || input.length > 0 || decoder.holds?.() === true) {
        throw new PeerError('P2P_ERR_INVALID_FRAME', 'a publication is not exactly one message');
      }
      return message;
    } catch (error) {
      // Whatever it has kept is of that message.
      this.#decoder = undefined;
      input.skip(input.length);
      throw error;
    }
  }
}

/** Messages come from many connections. */
const NOWHERE = {
  direction: 'inbound',
  address: new SocketAddress('0.0.0.0', 0),
  context: new ConnectionContext(),
} as const;
