import type { Clock } from '@pea2pea/core';

const INTERVAL_MS = 1_000;

/** Writes at most a line a second, which says how many there would have been: a flood must not flood the log. */
export class OccasionalLog {
  readonly #clock: Clock;
  #nextMs = -Infinity;
  #suppressed = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `write` with how many lines this one stands for, or suppresses it. */
  run(write: (times: number) => void): void {
    const nowMs = this.#clock.now();
    this.#suppressed++;
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + INTERVAL_MS;
    const times = this.#suppressed;
    this.#suppressed = 0;
    write(times);
  }
}
