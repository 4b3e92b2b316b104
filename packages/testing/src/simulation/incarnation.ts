import { ORDER } from './event-queue.js';
import type { Timeline } from './timeline.js';

/** Runs a part of a process. */
export type Enter = <T>(run: () => T) => T;

/**
 * One run of the process of a host, from its start to its crash. Everything that the world has to tell a process goes through
 * {@link Incarnation.call}.
 */
export class Incarnation {
  /** Runs what the process does, in its own surroundings. Undefined: in those of the world. */
  enter: Enter | undefined;
  readonly #timeline: Timeline;
  #isAlive = true;
  #isStill = false;
  #stillUntilMs = 0;
  #waiting: (() => void)[] = [];
  #stillSinceMs = 0;
  #stoodStillMs = 0;
  readonly #onCrash: (() => void)[] = [];

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** False once it has crashed: it hears nothing any more, and does nothing. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Whether {@link call} does no more than to call. */
  get isRunning(): boolean {
    return this.#isAlive && !this.#isStill && this.enter === undefined;
  }

  /** Whether it stands still: its event loop does not turn. */
  get isStill(): boolean {
    return this.#isStill;
  }

  /** How long it has stood still so far, in milliseconds. */
  get stoodStillMs(): number {
    return this.#stoodStillMs + (this.#isStill ? this.#timeline.nowMs - this.#stillSinceMs : 0);
  }

  /** Calls `listener` in the moment of the crash. */
  onCrash(listener: () => void): void {
    this.#onCrash.push(listener);
  }

  /** Calls `run` with `subject` now, or when the process goes on, or never if it is dead. */
  call(run: () => void): void;
  call<T>(run: (subject: T) => void, subject: T): void;
  call<T>(run: (subject?: T) => void, subject?: T): void {
    if (!this.#isAlive) return;
    if (this.#isStill) this.#waiting.push(() => run(subject));
    else if (this.enter === undefined) run(subject);
    else this.enter(() => run(subject));
  }

  /** Returns what `run` does, as a part of the process. */
  within<T>(run: () => T): T {
    return this.enter === undefined ? run() : this.enter(run);
  }

  /** The process stands still for `durationMs`; until {@link Incarnation.goOn}, where that is infinite. */
  standStill(durationMs: number): void {
    if (!this.#isStill) this.#stillSinceMs = this.#timeline.nowMs;
    this.#isStill = true;
    this.#stillUntilMs = Math.max(this.#stillUntilMs, this.#timeline.nowMs + durationMs);
    if (durationMs === Infinity) return;
    this.#timeline.at(this.#stillUntilMs, ORDER.timers, () => {
      if (this.#timeline.nowMs >= this.#stillUntilMs) this.goOn();
    });
  }

  /** What waited happens now, in the order in which it came, each in a step of its own. */
  goOn(): void {
    this.#stoodStillMs = this.stoodStillMs;
    this.#isStill = false;
    this.#stillUntilMs = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) {
      this.#timeline.at(this.#timeline.nowMs, ORDER.network, () => this.call(run));
    }
  }

  crash(): void {
    this.#isAlive = false;
    this.#waiting = [];
    for (const listener of this.#onCrash) listener();
  }
}
