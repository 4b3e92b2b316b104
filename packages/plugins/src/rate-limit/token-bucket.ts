/** How fast tokens come back, and how many there can be. */
export interface TokenRate {
  readonly perSecond: number;
  /** Of at least 1. */
  readonly capacity: number;
}

/**
 * Tokens that come back as time passes. Taking may run into debt: what arrived has arrived, and is paid for later.
 *
 * ```text
 *    capacity  full: as if nothing had ever been taken
 *           0  none left
 *   -capacity  the deepest debt: after a flood it is paid in `capacity / perSecond` seconds
 * ```
 *
 * note: times are those of `Clock.now()`, in milliseconds. Nothing runs in between.
 */
export class TokenBucket {
  readonly #rate: TokenRate;
  #balance: number;
  #atMs: number;

  /** It begins full. */
  constructor(rate: TokenRate, nowMs: number) {
    this.#rate = rate;
    this.#balance = rate.capacity;
    this.#atMs = nowMs;
  }

  /** Takes `cost` tokens; answers in how many milliseconds the debt will be paid, 0 where there is none. */
  take(cost: number, nowMs: number): number {
    const { perSecond, capacity } = this.#rate;
    this.#refill(nowMs);
    this.#balance = Math.max(this.#balance - cost, -capacity);
    return this.#balance < 0 ? (-this.#balance / perSecond) * 1_000 : 0;
  }

  /** Gives `cost` tokens back that were taken just now. */
  putBack(cost: number): void {
    this.#balance = Math.min(this.#balance + cost, this.#rate.capacity);
  }

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
