import type { Clock, Timer } from '../contracts/clock.js';
import type { Random } from '../contracts/random.js';

class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(callback: () => void, delayMs: number, keepsAlive: boolean) {
    this.#timeout = setTimeout(callback, delayMs);
    if (!keepsAlive) this.#timeout.unref();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }
}

class SystemTurn implements Timer {
  readonly #immediate: NodeJS.Immediate;

  constructor(callback: () => void) {
    this.#immediate = setImmediate(callback);
  }

  cancel(): void {
    clearImmediate(this.#immediate);
  }
}

/** Time as the system tells it. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  setTimeout: (callback, delayMs, options) => new SystemTimer(callback, delayMs, options?.keepsAlive ?? true),
  nextTurn: (callback) => new SystemTurn(callback),
};

/** Randomness as the JavaScript engine gives it. */
export const systemRandom: Random = {
  next: () => Math.random(),
};
