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
  /** Tokens beyond the capacity, until `#extraUntilMs`. */
  #extra = 0;
  #extraUntilMs = -Infinity;

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
    const rest = this.#extra === 0 ? cost : this.#takeExtra(cost, nowMs);
    this.#balance = Math.max(this.#balance - rest, -capacity);
    return this.#balance < 0 ? (-this.#balance / perSecond) * 1_000 : 0;
  }

  /** Puts `cost` tokens back that were taken just now, as if they had not been. */
  putBack(cost: number): void {
    this.#balance = Math.min(this.#balance + cost, this.#rate.capacity);
  }

  /**
   * Grants, beyond the capacity, tokens that came back since the last `take` and found no room: those of `durationMs` at
   * most, a time in which whoever takes could not. They are taken first, and are gone at `untilMs`.
   */
  grant(durationMs: number, nowMs: number, untilMs: number): void {
    const surplus = this.#balance + this.#backAt(nowMs) - this.#rate.capacity;
    const most = (durationMs / 1_000) * this.#rate.perSecond;
    const left = nowMs < this.#extraUntilMs ? this.#extra : 0;
    this.#extra = left + Math.max(0, Math.min(surplus, most));
    this.#extraUntilMs = untilMs;
    this.#refill(nowMs);
  }

  /** How many tokens there are; below 0 where more was taken than there were. */
  left(nowMs: number): number {
    const extra = nowMs < this.#extraUntilMs ? this.#extra : 0;
    return Math.min(this.#balance + this.#backAt(nowMs), this.#rate.capacity) + extra;
  }

  /** Whether it is as good as new, and need not be kept. */
  isFull(nowMs: number): boolean {
    return this.#balance + this.#backAt(nowMs) >= this.#rate.capacity;
  }

  /** Returns what of `cost` the extra tokens do not pay. */
  #takeExtra(cost: number, nowMs: number): number {
    const paid = nowMs < this.#extraUntilMs ? Math.min(cost, this.#extra) : 0;
    this.#extra = paid === 0 ? 0 : this.#extra - paid;
    return cost - paid;
  }

  #refill(nowMs: number): void {
    this.#balance = Math.min(this.#balance + this.#backAt(nowMs), this.#rate.capacity);
    this.#atMs = nowMs;
  }

  /** What has come back since the balance was last computed. */
  #backAt(nowMs: number): number {
    return ((nowMs - this.#atMs) / 1_000) * this.#rate.perSecond;
  }
}
