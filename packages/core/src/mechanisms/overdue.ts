import type { Clock, Timer, TimerOptions } from '../contracts/clock.js';

/** Decides on a peer; whatever had come by `polledAtMs` has been heard. */
type Judge = (polledAtMs: number) => void;

/**
 * A timer that judges a peer: what the peer had sent when the time was over is heard before `judge` is called, however
 * long the event loop stood still. INVARIANT: clock-after-socket.
 *
 * ```text
 *   delayMs -> turn -> turn -> turn -> judge(polledAtMs)
 *              |   `------- the event loop serves its sockets: whatever had come by polledAtMs is heard
 *              `- polledAtMs
 * ```
 *
 * note: who measures silence measures it up to `polledAtMs`: handlers may have taken long since then.
 * note: cancelling works until `judge` is called.
 */
export function overdue(clock: Clock, delayMs: number, judge: Judge, options?: TimerOptions): Timer {
  let step = clock.setTimeout(
    () => {
      step = afterPoll(clock, judge);
    },
    delayMs,
    options,
  );
  return { cancel: () => step.cancel() };
}

/** Parts of a time that is counted while the process is awake. */
const PARTS = 4;
/** The shortest part: less is not worth a timer. */
const SHORTEST_PART_MS = 10;

/**
 * As {@link overdue}, where something may still have to come of a peer once it was heard: further round trips, or a reply to
 * what could not be sent while the process stood still. INVARIANT: clock-after-socket.
 *
 * ```text
 *   part -> part -> part -> part -> turn -> turn -> turn -> judge(polledAtMs)
 *   `---------- delayMs ---------'
 * ```
 *
 * A part begins when the one before it was noticed to be over: however long a standstill takes, it costs one part.
 */
export function overdueAwake(clock: Clock, delayMs: number, judge: Judge, options?: TimerOptions): Timer {
  const partMs = Math.max(Math.ceil(delayMs / PARTS), SHORTEST_PART_MS);
  let leftMs = delayMs;
  const next = (): Timer => {
    if (leftMs <= partMs) return overdue(clock, leftMs, judge, options);
    leftMs -= partMs;
    return clock.setTimeout(onPart, partMs, options);
  };
  let step = next();
  function onPart(): void {
    step = next();
  }
  return { cancel: () => step.cancel() };
}

/** The second half of {@link overdue}, for callers whose time is over. */
export function afterPoll(clock: Clock, judge: Judge): Timer {
  // From one turn to the next the sockets are served; a stream on top of one, as of TLS, may hand bytes up a turn later.
  let step = clock.nextTurn(() => {
    const polledAtMs = clock.now();
    step = clock.nextTurn(() => {
      step = clock.nextTurn(() => judge(polledAtMs));
    });
  });
  return { cancel: () => step.cancel() };
}
