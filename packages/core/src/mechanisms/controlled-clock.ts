import type { Clock, Timer } from '../contracts/clock.js';
import { systemClock } from './system-clock.js';

/**
 * A clock that a test holds in its hand: time stands still until `advance`.
 *
 * note: the event loop turns all the same. {@link ControlledClock.nextTurn} is that of the system, and timeouts that
 * judge a peer hear it out first: they take effect a few turns after `advance`. Wait on what they do.
 */
export class ControlledClock implements Clock {
  #nowMs = 0;
  #serial = 0;
  readonly #epochMs: number;
  readonly #timers = new Map<number, { dueMs: number; callback: () => void }>();
  readonly #turns = new Set<Timer>();

  /** `epochMs`: what `date()` says at the start. */
  constructor(epochMs = 0) {
    this.#epochMs = epochMs;
  }

  now(): number {
    return this.#nowMs;
  }

  date(): number {
    return this.#epochMs + this.#nowMs;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const id = ++this.#serial;
    this.#timers.set(id, { dueMs: this.#nowMs + delayMs, callback });
    return { cancel: () => void this.#timers.delete(id) };
  }

  nextTurn(callback: () => void): Timer {
    const turn = systemClock.nextTurn(() => {
      this.#turns.delete(turn);
      callback();
    });
    this.#turns.add(turn);
    return {
      cancel: () => {
        this.#turns.delete(turn);
        turn.cancel();
      },
    };
  }

  /** Calls that wait, for time to pass or for the next turn. */
  get pending(): number {
    return this.#timers.size + this.#turns.size;
  }

  /** Moves time on by `durationMs` and calls what falls due, in order; timers set on the way take part. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const next = this.#next(endMs);
      if (next === undefined) break;
      const [id, timer] = next;
      this.#timers.delete(id);
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs); // later than due after a jump
      timer.callback();
    }
    this.#nowMs = endMs;
  }

  /**
   * Moves time on by `durationMs` and calls nothing, as for a process that is stopped: what fell due meanwhile is called
   * late, by the next `advance`.
   */
  jump(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  #next(endMs: number): [number, { dueMs: number; callback: () => void }] | undefined {
    let best: [number, { dueMs: number; callback: () => void }] | undefined;
    for (const entry of this.#timers) {
      if (entry[1].dueMs <= endMs && (best === undefined || entry[1].dueMs < best[1].dueMs)) best = entry;
    }
    return best;
  }
}
