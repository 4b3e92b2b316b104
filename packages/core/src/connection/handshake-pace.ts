import type { Cancellation } from '../contracts/cancellation.js';
import type { Clock } from '../contracts/clock.js';
import type { SocketAddress } from '../net/socket-address.js';
import { BoundedMap } from '../authoring/bounded-map.js';

/** Address groups that are remembered. One that is forgotten begins anew, as if it had not come before. */
const MAX_GROUPS = 10_000;
/** What a group may have at once, in milliseconds of its rate. */
const BURST_MS = 1_000;

/** When the next handshake of a group is due: before now where it has not used its rate, after it where others wait. */
interface Pace {
  dueMs: number;
}

/**
 * How many expensive handshakes of each address group are computed in a second. Those beyond wait, in the order in which
 * they came: a flood of one group takes no more than its share of the processor. INVARIANT: fair-shares.
 */
export class HandshakePace {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #ipv6PrefixLength: number;
  readonly #groups: BoundedMap<Pace>;

  constructor(clock: Clock, perSecond: number, ipv6PrefixLength: number) {
    this.#clock = clock;
    this.#intervalMs = 1_000 / perSecond;
    this.#ipv6PrefixLength = ipv6PrefixLength;
    this.#groups = new BoundedMap({
      maxEntries: MAX_GROUPS,
      isOver: ({ dueMs }, nowMs) => dueMs <= nowMs - BURST_MS,
    });
  }

  /** Undefined where the handshake may be computed at once; else a promise for its turn, or for the end of its setup. */
  turnOf(address: SocketAddress, cancellation: Cancellation): Promise<void> | undefined {
    if (address.path !== undefined) return undefined; // it is a limit per IP address
    const nowMs = this.#clock.now();
    const group = address.limitGroup(this.#ipv6PrefixLength);
    const pace = this.#groups.get(group, nowMs) ?? { dueMs: -Infinity };
    if (pace.dueMs === -Infinity) this.#groups.set(group, pace, nowMs);
    const dueMs = Math.max(pace.dueMs, nowMs - BURST_MS + this.#intervalMs);
    pace.dueMs = dueMs + this.#intervalMs;
    return dueMs <= nowMs ? undefined : this.#wait(pace, dueMs - nowMs, cancellation);
  }

  #wait(pace: Pace, delayMs: number, cancellation: Cancellation): Promise<void> {
    return new Promise((resolve) => {
      const leave = (): void => {
        timer.cancel();
        pace.dueMs -= this.#intervalMs; // it was not computed: those after it need not wait for it
        resolve();
      };
      const timer = this.#clock.setTimeout(() => {
        cancellation.remove(leave);
        resolve();
      }, Math.ceil(delayMs));
      cancellation.add(leave);
    });
  }
}
