import type { Clock, Timer } from '../contracts/clock.js';
import type { Random } from '../contracts/random.js';

class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(callback: () => void, delayMs: number) {
    this.#timeout = setTimeout(callback, delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }
}

/** Time as the system tells it. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  setTimeout: (callback, delayMs) => new SystemTimer(callback, delayMs),
};

/** Randomness as the JavaScript engine gives it. */
export const systemRandom: Random = {
  next: () => Math.random(),
};
