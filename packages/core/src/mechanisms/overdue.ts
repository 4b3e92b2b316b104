import type { Clock, Timer, TimerOptions } from '../contracts/clock.js';

/**
 * A timer that judges a peer: what the peer had sent when the time was over is heard before `judge` is called, however
 * long the event loop stood still.
 *
 * ```text
 *   delayMs -> turn -> turn -> judge(polledAtMs)
 *              |   `--- the event loop serves its sockets: whatever had come by polledAtMs is heard
 *              `- polledAtMs
 * ```
 *
 * note: who measures silence measures it up to `polledAtMs`: handlers may have taken long since then.
 * note: cancelling works until `judge` is called.
 */
export function overdue(
  clock: Clock,
  delayMs: number,
  judge: (polledAtMs: number) => void,
  options?: TimerOptions,
): Timer {
  return new Overdue(clock, delayMs, judge, options);
}

class Overdue implements Timer {
  /** Of the step that is under way: the wait, then each turn. */
  #step: Timer;

  constructor(
    clock: Clock,
    delayMs: number,
    judge: (polledAtMs: number) => void,
    options: TimerOptions | undefined,
  ) {
    const onTurn = (): void => {
      const polledAtMs = clock.now();
      this.#step = clock.nextTurn(() => judge(polledAtMs));
    };
    const onTime = (): void => {
      this.#step = clock.nextTurn(onTurn);
    };
    this.#step = clock.setTimeout(onTime, delayMs, options);
  }

  cancel(): void {
    this.#step.cancel();
  }
}
