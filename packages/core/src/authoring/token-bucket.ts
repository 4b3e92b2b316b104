/** How fast tokens come back, and how many there can be. */
export interface TokenRate {
  /** Above 0. */
  readonly perSecond: number;
  /** At least 1. */
  readonly capacity: number;
}

/**
 * Tokens that come back as time passes, to limit how often something may happen. Taking may run into debt: what arrived
 * has arrived, and is paid for later.
 *
 * ```text
 *    capacity  full: as if nothing had ever been taken
 *           0  none left
 *   -capacity  the deepest debt: after a flood it is paid in `capacity / perSecond` seconds
 * ```
 *
 * note: times are those of `Clock.now()`, in milliseconds. It has no timer.
 */
export class TokenBucket {
  readonly #rate: TokenRate;
  #balance: number;
  #atMs: number;

  /** A full bucket. */
  constructor(rate: TokenRate, nowMs: number) {
    this.#rate = rate;
    this.#balance = rate.capacity;
    this.#atMs = nowMs;
  }

  /** Takes `cost` tokens. Returns in how many milliseconds the debt will be paid, 0 where there is none. */
  take(cost: number, nowMs: number): number {
    const { perSecond, capacity } = this.#rate;
    this.#refill(nowMs);
    this.#balance = Math.max(this.#balance - cost, -capacity);
    return this.#balance < 0 ? (-this.#balance / perSecond) * 1_000 : 0;
  }

  /** Puts `cost` tokens back that were taken just now, as if they had not been. */
  putBack(cost: number): void {
    this.#balance = Math.min(this.#balance + cost, this.#rate.capacity);
  }

  /** Whether it is as good as new, and need not be kept. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#balance === this.#rate.capacity;
  }

  #refill(nowMs: number): void {
    const { perSecond, capacity } = this.#rate;
    const back = ((nowMs - this.#atMs) / 1_000) * perSecond;
    this.#balance = Math.min(this.#balance + back, capacity);
    this.#atMs = nowMs;
  }
}
