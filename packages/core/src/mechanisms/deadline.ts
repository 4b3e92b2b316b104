import type { Clock, Timer } from '../contracts/clock.js';
import { overdue } from './overdue.js';

/**
 * A point in time after which waiting is over, for several waits in a row.
 *
 * note: there is no timer before the first wait, as most teardowns have nothing to wait for.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #atMs: number;
  #timer: Timer | undefined;
  #expired = false;
  #cut: (() => void) | undefined;

  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock;
    this.#atMs = clock.now() + delayMs;
  }

  /** Whether the time is up, or the waiting was ended. */
  get expired(): boolean {
    return this.#expired;
  }

  /** Ends the waiting now. */
  expire(): void {
    this.#expired = true;
    this.#timer?.cancel();
    const cut = this.#cut;
    this.#cut = undefined;
    cut?.();
  }

  /**
   * Waits for `work` until the deadline: true when it settled in time, false when it was abandoned.
   *
   * note: one wait at a time. A rejection counts as settled and is swallowed: look at `work` yourself.
   */
  wait(work: PromiseLike<unknown>): Promise<boolean> {
    if (this.#expired) {
      work.then(undefined, ignore);
      return Promise.resolve(false);
    }
    this.#timer ??= overdue(this.#clock, Math.max(this.#atMs - this.#clock.now(), 0), () => this.expire());
    return new Promise((resolve) => {
      this.#cut = () => resolve(false);
      const settled = (): void => {
        this.#cut = undefined;
        resolve(true);
      };
      work.then(settled, settled);
    });
  }

  /** The deadline does not matter any more; gives the timer back. */
  cancel(): void {
    this.#timer?.cancel();
  }
}

function ignore(): void {}
