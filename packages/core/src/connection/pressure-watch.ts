import type { BudgetAccount } from '../mechanisms/byte-budget.js';

/** How long a connection has held too much of a tight budget with bytes that wait to be sent. */
export class PressureWatch {
  readonly #account: BudgetAccount;
  #sinceMs: number | undefined;
  /** What is to be with the operating system before the queue counts as taken. */
  #untilBytes = 0;

  constructor(account: BudgetAccount) {
    this.#account = account;
  }

  /** The process stood still for that long. */
  forgive(durationMs: number): void {
    if (this.#sinceMs !== undefined) this.#sinceMs += durationMs;
  }

  /**
   * How long it has been above its share, without what it held then being taken.
   *
   * @param flushedBytes all that ever went to the operating system
   */
  pressedForMs(nowMs: number, polledAtMs: number, flushedBytes: number): number {
    if (!this.#account.isOverShare) {
      this.#sinceMs = undefined;
      return 0;
    }
    if (this.#sinceMs === undefined || flushedBytes >= this.#untilBytes) {
      this.#sinceMs = nowMs;
      this.#untilBytes = flushedBytes + this.#account.bytes;
    }
    return polledAtMs - this.#sinceMs;
  }
}
