import type { Clock, Timer } from '@pea2pea/core';
import { overdueAwake } from '@pea2pea/core/authoring';

/** Something that waits until a deadline. */
export interface Expiring {
  /** How long it waits in total. */
  readonly timeoutMs: number;
  /** When it is due, on the clock of the {@link Deadlines}, which moves it on after a standstill. */
  dueMs: number;
  /** Called when it is due. */
  expire(): void;
}

/**
 * Many deadlines with one timer.
 *
 * ```text
 *   10 000 ms: oldest -> … -> newest       entries with the same timeout fall due in the order of their
 *      500 ms: oldest -> … -> newest       arrival, so the first of each line is due next
 *              `- the timer is set to the earliest of these
 * ```
 *
 * Deleting an entry does not touch the timer, which is set anew when it fires. Responses that have arrived by then are
 * handled first. The timer does not keep the process alive.
 *
 * note: what a standstill takes from the timer, it takes from all that waits: an entry may be much younger than the one that
 * the timer was set for. INVARIANT: clock-after-socket.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #lines = new Map<number, Set<Expiring>>();
  #timer: { readonly dueMs: number; readonly timer: Timer } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds an entry that is not in yet. */
  add(entry: Expiring): void {
    const { timeoutMs, dueMs } = entry;
    const line = this.#lines.get(timeoutMs);
    if (line === undefined) this.#lines.set(timeoutMs, new Set([entry]));
    else line.add(entry);
    this.#setTimer(dueMs);
  }

  /** Removes an entry. Removing it twice is harmless. */
  delete(entry: Expiring): void {
    const line = this.#lines.get(entry.timeoutMs);
    line?.delete(entry);
    if (line?.size === 0) this.#lines.delete(entry.timeoutMs);
  }

  /** Cancels the timer if nothing waits. To be called when the last connection has ended. */
  rest(): void {
    if (this.#lines.size > 0) return;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #setTimer(dueMs: number): void {
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#timer?.timer.cancel();
    const delayMs = Math.max(0, Math.ceil(dueMs - this.#clock.now()));
    const timer = overdueAwake(this.#clock, delayMs, this.#onTimer, { keepsAlive: false });
    this.#timer = { dueMs, timer };
  }

  readonly #onTimer = (polledAtMs: number): void => {
    const nowMs = this.#clock.now();
    const lateMs = nowMs - this.#timer!.dueMs;
    for (const [timeoutMs, line] of this.#lines)
      if (lateMs > timeoutMs / 4) this.#forgive(line, lateMs, nowMs);
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

  /** The timer was that late: those that were not due by then have what was left to them, all of their time at most. */
  #forgive(line: ReadonlySet<Expiring>, lateMs: number, nowMs: number): void {
    const { dueMs } = this.#timer!;
    for (const entry of line) {
      if (entry.dueMs > dueMs) entry.dueMs = Math.min(entry.dueMs + lateMs, nowMs + entry.timeoutMs);
    }
  }
}
