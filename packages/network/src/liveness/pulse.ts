import type { Connection } from '@pea2pea/core';
import { TokenBucket, type Deferred } from '@pea2pea/core/authoring';
import { RoundTrips } from './round-trips.js';

/** A ping whose pong has not come yet. There is one at a time, for as long as it takes: TCP loses none. */
export interface Pinged {
  readonly nonce: number;
  readonly atMs: number;
  /** Since when nothing has come, and something could have: later than `atMs` where bytes came, or this process stood still. */
  sinceMs: number;
  /** From when on the pong could have come: later than `atMs` where this process stood still. */
  fairFromMs: number;
  isLate: boolean;
}

/** Pings of a peer that are replied to, in a second and at once. Ours are ten a second at most. */
const FLOOD = { perSecond: 20, capacity: 40 };

/** What is known of a connection. */
export class Pulse {
  readonly connection: Connection;
  readonly roundTrips: RoundTrips;
  /** Made with the first ping of the peer. */
  #allowance: TokenBucket | undefined;
  /** `stats.bytesReceived` at the last look. */
  #bytesSeen: number;
  /** The ping that is under way. */
  pinged: Pinged | undefined;
  /** When the next ping is due. */
  nextAtMs: number;
  /** When the last pong came. */
  pongAtMs = -Infinity;
  /** Who waits for a pong. */
  waiting: Deferred<number> | undefined;
  /** How many pongs were late. */
  late = 0;
  /** What the score of the peer has lost for that, and not regained. */
  owed = 0;

  constructor(connection: Connection, window: number, nextAtMs: number) {
    this.connection = connection;
    this.roundTrips = new RoundTrips(window);
    this.nextAtMs = nextAtMs;
    this.#bytesSeen = connection.stats.bytesReceived;
  }

  /** Returns whether bytes have come since the last call. */
  hasHeard(): boolean {
    const { bytesReceived } = this.connection.stats;
    const isMore = bytesReceived !== this.#bytesSeen;
    this.#bytesSeen = bytesReceived;
    return isMore;
  }

  /** Takes a ping of the peer into account; returns false where they are too many. */
  allows(nowMs: number): boolean {
    this.#allowance ??= new TokenBucket(FLOOD, nowMs);
    return this.#allowance.take(1, nowMs) === 0;
  }
}
