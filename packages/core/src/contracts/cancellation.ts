import type { PeerError } from '../errors/errors.js';

/** Says when work is not wanted any more: what an AbortSignal is, without its price. */
export interface Cancellation {
  /** Why; undefined while the work is wanted. */
  readonly reason: PeerError | undefined;
  /** The same as a signal, for callees that need one. Made on first use. */
  readonly signal: AbortSignal;
  /** Throws once the work is cancelled. @throws {PeerError} `reason`, when there is one */
  throwIfCancelled(): void;
  /**
   * Has `listener` called, once, when the work is cancelled; never when that has happened before.
   *
   * note: it must not throw.
   */
  add(listener: () => void): void;
  /** Takes back a listener of {@link add}; harmless where there is none. */
  remove(listener: () => void): void;
}
