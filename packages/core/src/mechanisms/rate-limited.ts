import type { Clock } from '../contracts/clock.js';

/** Lets one call through per interval, or `most`, and counts the others, so that a flood writes few log lines. */
export class RateLimited {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #most: number;
  #nextMs = -Infinity;
  #left = 0;
  #suppressed = 0;

  constructor(clock: Clock, intervalMs: number, most = 1) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#most = most;
  }

  /**
   * Calls `action` with how many calls were suppressed since the last one, or suppresses this one: true where it was
   * called.
   */
  run(action: (suppressed: number) => void): boolean {
    const now = this.#clock.now();
    if (now >= this.#nextMs) {
      this.#nextMs = now + this.#intervalMs;
      this.#left = this.#most;
    }
    if (this.#left === 0) {
      this.#suppressed++;
      return false;
    }
    this.#left--;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    action(suppressed);
    return true;
  }
}
