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
  setTimeout(callback: () => void, delayMs: number, options?: TimerOptions): Timer;
  /**
   * Calls `callback` once, when the event loop has served the sockets that it serves next: those of the poll that is
   * under way, or of the next one.
   *
   * note: two of them, one after the other, have a whole poll between them, wherever the first was asked for.
   */
  nextTurn(callback: () => void): Timer;
}

/** A call that has not happened yet. */
export interface Timer {
  /** The call will not happen. Harmless after it happened, and twice. */
  cancel(): void;
}

/** What a timer is for. */
export interface TimerOptions {
  /**
   * Whether the process stays alive for the call. False for timers that only watch: where nothing else is left to do,
   * there is nobody to watch either.
   * @default true
   */
  readonly keepsAlive?: boolean;
}
