import type { Clock } from '@pea2pea/core';

/** What happened, one line each: time, who, what. Two runs are the same if their traces are. */
export class Trace {
  readonly #clock: Clock;
  readonly #keep: number;
  readonly #startMs: number;
  readonly #also: (line: string) => void;
  #lines: string[] = [];

  /**
   * @param keep how many of the last lines; Infinity for all
   * @param also who else is told
   */
  constructor(clock: Clock, keep: number, also: (line: string) => void) {
    this.#clock = clock;
    this.#keep = keep;
    this.#also = also;
    this.#startMs = clock.now();
  }

  /** Milliseconds since the run began. */
  get elapsedMs(): number {
    return this.#clock.now() - this.#startMs;
  }

  note(who: string, what: string): void {
    this.#also(`${who.padEnd(4)} ${what}`);
    this.#lines.push(`${this.elapsedMs.toFixed(0).padStart(7)} ${who.padEnd(4)} ${what}`);
    // Trimmed rarely: a line costs a push, not a move of all others.
    if (this.#lines.length > 2 * this.#keep) this.#lines = this.#lines.slice(-this.#keep);
  }

  last(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}
