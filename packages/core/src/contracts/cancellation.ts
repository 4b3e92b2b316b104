import type { PeerError } from './errors.js';

/** Says when work is not wanted any more: what an AbortSignal is, without its price. */
export interface Cancellation {
  /** Why; undefined while the work is wanted. */
  readonly reason: PeerError | undefined;
  /** The same as a signal, for whom one is needed. Made on first use. */
  readonly signal: AbortSignal;
  /** @throws {PeerError} `reason`, when there is one */
  throwIfCancelled(): void;
  /**
   * Has `listener` called, once, when the work is cancelled; never when that has happened before.
   *
   * note: it must not throw.
   */
  add(listener: () => void): void;
  remove(listener: () => void): void;
}
