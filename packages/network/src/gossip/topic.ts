import type { Connection } from '@pea2pea/core';
import { requireFunction } from '@pea2pea/core/authoring';
import type { Channel, MessageHandler } from './channel.js';
import type { Meshes } from './meshes.js';
import type { Parts } from './parts.js';
import type { Published, Relay } from './relay.js';

/** A topic of a node: what `Gossip.topic` returns. */
export class Topic<T> {
  readonly #parts: Parts;
  readonly #channel: Channel;
  readonly #relay: Relay;
  readonly #meshes: Meshes;

  /** note: {@link Gossip.topic} makes it. */
  constructor(parts: Parts, channel: Channel, relay: Relay, meshes: Meshes) {
    this.#parts = parts;
    this.#channel = channel;
    this.#relay = relay;
    this.#meshes = meshes;
  }

  /** Its name. */
  get name(): string {
    return this.#channel.name;
  }

  /** Whether this node gets its messages. */
  get isSubscribed(): boolean {
    return this.#channel.handler !== undefined;
  }

  /** The connected peers that have subscribed to it. */
  get subscribers(): readonly Connection[] {
    return [...this.#parts.peers.values()]
      .filter(({ topics }) => topics.has(this.name))
      .map(({ connection }) => connection);
  }

  /** The peers of its mesh. */
  get mesh(): readonly Connection[] {
    return [...this.#channel.mesh.members()].map(({ peer }) => peer.connection);
  }

  /**
   * Gets the messages of others from here on, and those that peers still keep; in place of the handler of an earlier call.
   *
   * note: each comes once, in no order. What this node publishes itself does not come.
   * note: what the handler throws or rejects with is logged and counted, and is not the fault of a peer.
   */
  subscribe(onMessage: MessageHandler<T>): void {
    requireFunction('onMessage', onMessage);
    const wasSubscribed = this.isSubscribed;
    this.#channel.handler = onMessage as MessageHandler<unknown>;
    if (!wasSubscribed) this.#meshes.join(this.#channel);
  }

  /** Gets no more, and passes none on. */
  unsubscribe(): void {
    if (!this.isSubscribed) return;
    this.#channel.handler = undefined;
    this.#meshes.part(this.#channel);
  }

  /**
   * Publishes a message. Whether or not this node has subscribed, it goes to peers that have, and is kept for those that come later.
   *
   * note: it returns when the message is queued. Nobody says whether others have got it.
   * @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE for more than `maxMessageBytes`; the encoder's own, P2P_ERR_ENCODE_FAILED for anything else
   * that it throws
   */
  publish(message: T): Published {
    return this.#relay.publish(this.#channel, message);
  }
}
