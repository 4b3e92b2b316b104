import type { Clock } from '../contracts/clock.js';

/**
 * Lets one call through per interval, or `most`, and counts the others, so that a flood writes few log lines.
 *
 * ```ts
 * const throttle = new LogThrottle(node.config.clock, 1_000);
 * throttle.run((suppressed) => node.logger.warn({ peer, suppressed }, 'nonsense is ignored'));
 * ```
 *
 * note: it has no timer: the count of a flood that has ended is told with the next call, whenever that comes.
 */
export class LogThrottle {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #most: number;
  #nextMs = -Infinity;
  #left = 0;
  #suppressed = 0;

  /**
   * @param intervalMs milliseconds, counted from the first call that is let through
   * @param most calls that are let through in an interval
   */
  constructor(clock: Clock, intervalMs: number, most = 1) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#most = most;
  }

  /**
   * Calls `action` with how many calls were suppressed since it was last called, or suppresses this one. Returns whether
   * it was called.
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
