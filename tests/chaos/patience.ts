import type { Clock, Timer } from '@pea2pea/core';

/** In so many parts, so that a process that stood still has turned again before it is over. */
const PARTS = 3;

/** Calls back when a time is over, of which a process had its share. */
export class Patience {
  readonly #clock: Clock;
  readonly #partMs: number;
  readonly #over: () => void;
  #left = PARTS;
  #timer: Timer | undefined;

  /** @param durationMs undefined: for ever */
  constructor(clock: Clock, durationMs: number | undefined, over: () => void) {
    this.#clock = clock;
    this.#partMs = (durationMs ?? 0) / PARTS;
    this.#over = over;
    if (durationMs !== undefined) this.#wait();
  }

  end(): void {
    this.#timer?.cancel();
  }

  readonly #wait = (): void => {
    if (this.#left-- === 0) this.#over();
    else this.#timer = this.#clock.setTimeout(this.#wait, this.#partMs);
  };
}
