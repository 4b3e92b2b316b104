import type { PeerNode, Timer } from '@pea2pea/core';
import { peerFields, requireAtOnce } from '@pea2pea/core/authoring';
import { networkError } from '../shared/errors.js';
import type { ResolvedManagerOptions } from './options.js';
import type { Seat, Seats } from './seats.js';

/**
 * Ends connections of those who have dialled in, where there are too many. They have a moment as guests, to ask for addresses:
 * the peers that everybody knows are full, and whoever is new knows nobody else.
 */
export class InboundSlots {
  readonly #seats: Seats;
  readonly #options: ResolvedManagerOptions;
  readonly #node: PeerNode<unknown>;
  #timer: Timer | undefined;
  #evicted = 0;

  constructor(seats: Seats, options: ResolvedManagerOptions, node: PeerNode<unknown>) {
    this.#seats = seats;
    this.#options = options;
    this.#node = node;
  }

  /** How many connections were ended. It only rises. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Somebody has dialled in. */
  check(): void {
    const { inbound, guests, guestMs } = this.#options;
    if (this.#seats.inbound().length > inbound + guests) this.#evict();
    if (this.#seats.inbound().length <= inbound || this.#timer !== undefined) return;
    const { clock } = this.#node.config;
    this.#timer = clock.setTimeout(() => this.#evictGuests(), guestMs, { keepsAlive: false });
  }

  /** The node closes. */
  stop(): void {
    this.#timer?.cancel();
  }

  #evictGuests(): void {
    this.#timer = undefined;
    let left = this.#seats.inbound().length - this.#options.inbound;
    while (left > 0 && this.#evict()) left--;
  }

  /** Returns whether there was somebody to be ended. */
  #evict(): boolean {
    const victim = this.#seats.worst((seat) => seat.isTrusted || this.#isProtected(seat));
    if (victim === undefined) return false;
    this.#evicted++;
    const { connection } = victim;
    const why = networkError('P2P_ERR_NO_SLOT', `there is no slot left for ${connection.address}`);
    void connection.disconnect(why);
    return true;
  }

  #isProtected({ connection }: Seat): boolean {
    try {
      return requireAtOnce('`isProtected`', this.#options.isProtected(connection));
    } catch (error) {
      const fields = { ...peerFields(connection), err: error };
      this.#node.logger.error(fields, '`isProtected` of connectionManager threw');
      return false;
    }
  }
}
