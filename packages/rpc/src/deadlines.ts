import type { Clock, Timer } from '@pea2pea/core';
import { overdue } from '@pea2pea/core/authoring';

/** Something that waits, though not for ever. */
export interface Expiring {
  readonly timeoutMs: number;
  /** When it is over, on the clock of the {@link Deadlines}. */
  readonly dueMs: number;
  /** It is over. */
  expire(): void;
}

/**
 * Many deadlines, one timer.
 *
 * ```text
 *   10 000 ms: oldest -> … -> newest       those that wait equally long fall due in the order of their coming,
 *      500 ms: oldest -> … -> newest       so the first of each line is the next of it
 *              `- the earliest of these is what the timer is set to
 * ```
 *
 * An entry that is deleted leaves the timer as it is: when it fires it is set anew, to what is left. A response that
 * has come by then is heard first; and where nothing but calls is left that nobody answers, the process ends.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #lines = new Map<number, Set<Expiring>>();
  #timer: { readonly dueMs: number; readonly timer: Timer } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(entry: Expiring): void {
    const { timeoutMs, dueMs } = entry;
    const line = this.#lines.get(timeoutMs);
    if (line === undefined) this.#lines.set(timeoutMs, new Set([entry]));
    else line.add(entry);
    this.#setTimer(dueMs);
  }

  /** It waits no more. Harmless twice. */
  delete(entry: Expiring): void {
    const line = this.#lines.get(entry.timeoutMs);
    line?.delete(entry);
    if (line?.size === 0) this.#lines.delete(entry.timeoutMs);
  }

  /** Gives the timer back where nothing waits, as nothing is about to. */
  rest(): void {
    if (this.#lines.size > 0) return;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #setTimer(dueMs: number): void {
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#timer?.timer.cancel();
    const delayMs = Math.max(0, Math.ceil(dueMs - this.#clock.now()));
    const timer = overdue(this.#clock, delayMs, this.#onTimer, { keepsAlive: false });
    this.#timer = { dueMs, timer };
  }

  readonly #onTimer = (polledAtMs: number): void => {
    this.#timer = undefined;
    let nextMs = Infinity;
    for (const line of this.#lines.values()) {
      for (const entry of line) {
        if (entry.dueMs > polledAtMs) {
          nextMs = Math.min(nextMs, entry.dueMs);
          break;
        }
        this.delete(entry);
        entry.expire();
      }
    }
    if (nextMs !== Infinity) this.#setTimer(nextMs);
  };
}
