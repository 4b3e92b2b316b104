/**
 * Time, as the kernel sees it. Everything that waits or measures asks this contract,
 * so a test or a simulation can hold time in its hand.
 */
export interface Clock {
  /** Milliseconds that only go forward; for durations. */
  now(): number;
  /** Milliseconds since the Unix epoch; for people. */
  date(): number;
  /** Calls `callback` once, after `delayMs` milliseconds or later. */
  setTimeout(callback: () => void, delayMs: number): Timer;
}

/** A call that has not happened yet. */
export interface Timer {
  /** The call will not happen. Harmless after it happened, and twice. */
  cancel(): void;
}
