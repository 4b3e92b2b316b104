import type { Clock } from '../contracts/clock.js';

/** Lets one call through per interval and counts the others, so that a flood writes one log line. */
export class RateLimited {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #nextMs = -Infinity;
  #suppressed = 0;

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /**
   * Calls `action` with how many calls were suppressed since the last one, or suppresses this one: true where it was
   * called.
   */
  run(action: (suppressed: number) => void): boolean {
    const now = this.#clock.now();
    if (now < this.#nextMs) {
      this.#suppressed++;
      return false;
    }
    this.#nextMs = now + this.#intervalMs;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    action(suppressed);
    return true;
  }
}
