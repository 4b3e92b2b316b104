import type { Stats } from '@pea2pea/core';

/** Traffic in a second. */
export interface Rates {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

interface Seen {
  readonly atMs: number;
  readonly counts: Rates;
  rates: Rates;
  round: number;
}

const NOTHING: Rates = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
/** Looking twice in so short a time says nothing. */
const SHORTEST_MS = 200;

/** How much things that count did in a second, between the last two times that they were looked at. */
export class RateMeter {
  readonly #seen = new Map<number, Seen>();
  #round = 0;

  /** To be called before things are looked at, and {@link forget} after. */
  begin(): void {
    this.#round++;
  }

  of(id: number, stats: Stats, nowMs: number): Rates {
    const counts: Rates = {
      messagesIn: stats.messagesReceived,
      messagesOut: stats.messagesSent,
      bytesIn: stats.bytesReceived,
      bytesOut: stats.bytesSent,
    };
    const before = this.#seen.get(id);
    if (before === undefined) {
      this.#seen.set(id, { atMs: nowMs, counts, rates: NOTHING, round: this.#round });
      return NOTHING;
    }
    before.round = this.#round;
    const elapsedMs = nowMs - before.atMs;
    if (elapsedMs < SHORTEST_MS) return before.rates;
    const rates = perSecond(before.counts, counts, elapsedMs);
    this.#seen.set(id, { atMs: nowMs, counts, rates, round: this.#round });
    return rates;
  }

  /** What was not looked at since {@link begin} is gone. */
  forget(): void {
    for (const [id, { round }] of this.#seen) if (round !== this.#round) this.#seen.delete(id);
  }

  clear(): void {
    this.#seen.clear();
  }
}

function perSecond(before: Rates, now: Rates, elapsedMs: number): Rates {
  const rate = (name: keyof Rates): number => ((now[name] - before[name]) * 1_000) / elapsedMs;
  return {
    messagesIn: rate('messagesIn'),
    messagesOut: rate('messagesOut'),
    bytesIn: rate('bytesIn'),
    bytesOut: rate('bytesOut'),
  };
}
