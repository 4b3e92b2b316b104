import type { Connection } from '@pea2pea/core';

/** What frames of a peer are looked at between two heartbeats. */
const BUDGET = { haves: 4_096, wants: 4_096, control: 512 } as const;
/** As many messages a peer is asked for at once. */
export const MAX_OUTSTANDING = 64;
/** Credit for messages that a peer was the first to send, at most. */
const MAX_CREDIT = 10;

/** A connected peer, as gossip sees it. */
export class GossipPeer {
  readonly connection: Connection;
  /** Its identity; the connection where it has proved none, so that it begins anew with each. */
  readonly key: string;
  /** The topics that it has subscribed to. */
  readonly topics = new Set<string>();
  /** Whether it missed something, as it was slow: it will be told which messages there are. */
  isBehind = false;
  /** Topics, and whether we have subscribed to them, that it could not be told yet. */
  readonly untold = new Set<string>();
  /** Topics whose prune it could not be told yet. */
  readonly unpruned = new Set<string>();
  /** How many messages it was asked for, and has not sent. */
  outstanding = 0;
  /** How many it is asked for at once: half as many after a broken promise, one more with each message that comes. */
  window = MAX_OUTSTANDING;
  /** How many messages are wanted because it was the first to say that it has them. */
  named = 0;
  /** It has broken a promise, and is asked again from then on. */
  askAgainAtMs = -Infinity;
  #credit = 0;
  #penalty = 0;
  #left: Record<keyof typeof BUDGET, number> = { ...BUDGET };
  #isFlooding = false;

  constructor(connection: Connection, penalty: number) {
    this.connection = connection;
    this.key = connection.identity ?? `#${connection.id}`;
    this.#penalty = penalty;
  }

  /** Below 0 where it has misbehaved. */
  get score(): number {
    return this.#credit - this.#penalty;
  }

  /** What it has misbehaved so far, less what time has forgiven. */
  get penalty(): number {
    return this.#penalty;
  }

  penalize(points: number): void {
    this.#penalty += points;
  }

  /** It was the first to send a message that was accepted. */
  reward(): void {
    this.#credit = Math.min(this.#credit + 0.1, MAX_CREDIT);
  }

  /** A heartbeat: time forgives, and it may send again. */
  renew(factor: number): void {
    this.#penalty = this.#penalty < 0.01 ? 0 : this.#penalty * factor;
    this.#credit *= factor;
    this.#left = { ...BUDGET };
    this.#isFlooding = false;
  }

  /** Takes `count` off what it may send between two heartbeats. Returns how many of them may be looked at. */
  take(what: keyof typeof BUDGET, count: number): number {
    const taken = Math.min(this.#left[what], count);
    this.#left[what] -= taken;
    return taken;
  }

  /** It has sent too much; true for the first time since the last heartbeat. */
  startsFlooding(): boolean {
    const isFirst = !this.#isFlooding;
    this.#isFlooding = true;
    return isFirst;
  }
}
