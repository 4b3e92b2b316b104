import type { Connection } from '@pea2pea/core';
import { excerpt, type Deferred, type TokenBucket } from '@pea2pea/core/authoring';
import type { RoundTrip } from './round-trip.js';

/** A ping without a pong so far. */
interface Pinged {
  readonly nonce: number;
  readonly atMs: number;
  /** What `timeoutMs` counts from: later than `atMs` where this process stood still. */
  sinceMs: number;
}

/** What is kept for an open connection. */
export interface Pulse {
  /** `stats.bytesReceived` at the last sweep. */
  bytesSeen: number;
  /** When bytes were last seen to have come. */
  heardAtMs: number;
  /** `stats.bytesSent` at the last sweep, and when they were last seen to have gone. */
  bytesSent: number;
  spokeAtMs: number;
  /** When the last ping was sent. */
  pingedAtMs: number;
  /** The ping whose pong is measured; undefined once it came, or somebody has waited for it in vain. */
  pinged: Pinged | undefined;
  /** Since when a peer that has been pinged is being waited for; undefined where it need not send anything. */
  awaitedSinceMs: number | undefined;
  /** Who waits for a pong. */
  waiting: Deferred<number> | undefined;
  roundTrip: RoundTrip | undefined;
  /** Made with the first ping of the peer. */
  pongs: TokenBucket | undefined;
}

/** What a snapshot shows of all pulses. Times are in milliseconds. */
export function pulseState(pulses: ReadonlyMap<Connection, Pulse>, nowMs: number): object {
  let [measured, sum, longest] = [0, 0, 0];
  for (const { roundTrip } of pulses.values()) {
    if (roundTrip === undefined) continue;
    measured++;
    sum += roundTrip.smoothedMs;
    longest = Math.max(longest, roundTrip.smoothedMs);
  }
  return {
    averageRoundTripMs: measured === 0 ? null : sum / measured,
    longestRoundTripMs: measured === 0 ? null : longest,
    silent: excerpt(awaited(pulses), ([{ id, address }, { awaitedSinceMs, heardAtMs }]) => ({
      connection: id,
      address: address.toString(),
      silentMs: nowMs - heardAtMs,
      awaitedMs: nowMs - awaitedSinceMs!,
    })),
  };
}

/** Peers of which a reply is waited for. */
function* awaited(pulses: ReadonlyMap<Connection, Pulse>): Generator<readonly [Connection, Pulse]> {
  for (const entry of pulses) if (entry[1].awaitedSinceMs !== undefined) yield entry;
}
