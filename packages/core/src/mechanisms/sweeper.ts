import type { Clock, Timer } from '../contracts/clock.js';

/** Something that may have been silent for too long. */
export interface Sweepable {
  /** Called every so often with the time; must not throw. */
  sweep(nowMs: number): void;
}

const SHORTEST_INTERVAL_MS = 10;
const LONGEST_INTERVAL_MS = 1_000;

/**
 * One coarse timer for the idle and write timeouts of all connections of a node. It runs only while
 * there is somebody to look after, and costs nothing per message: each connection keeps counters
 * and compares them with those of the last sweep.
 *
 * note: a timeout is noticed up to a quarter of it late, two seconds at most.
 */
export class Sweeper {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #members = new Set<Sweepable>();
  #timer: Timer | undefined;

  /** `timeoutsMs`: all that are to be noticed; 0 means never. */
  constructor(clock: Clock, timeoutsMs: readonly number[]) {
    this.#clock = clock;
    const shortest = Math.min(...timeoutsMs.filter((timeout) => timeout > 0));
    this.#intervalMs = Math.round(
      Math.min(LONGEST_INTERVAL_MS, Math.max(SHORTEST_INTERVAL_MS, shortest / 8)),
    );
  }

  add(member: Sweepable): void {
    this.#members.add(member);
    this.#timer ??= this.#clock.setTimeout(this.#sweep, this.#intervalMs);
  }

  remove(member: Sweepable): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #sweep = (): void => {
    const now = this.#clock.now();
    for (const member of this.#members) member.sweep(now);
    this.#timer = this.#members.size > 0 ? this.#clock.setTimeout(this.#sweep, this.#intervalMs) : undefined;
  };
}
