import type { Cancellation } from '../contracts/cancellation.js';
import { PeerError } from '../errors/errors.js';
import { callApart } from './call-apart.js';
import { requireSignal } from './checks.js';
import { forgetAbort, onAbort } from './signal-listeners.js';
import { whenSettled } from './thenable.js';

/**
 * Cancels work that is under way, as an AbortController does. That one costs more than the rest of a setup: this one
 * makes its own only for those who ask for the signal.
 */
export class CancellationSource implements Cancellation {
  #reason: PeerError | undefined;
  /** In the order in which they are called; seldom more than one at a time. */
  readonly #listeners: (() => void)[] = [];
  #controller: AbortController | undefined;

  get reason(): PeerError | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first call counts. */
  cancel(reason: PeerError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const listener of this.#listeners.splice(0)) callApart(listener);
    this.#controller?.abort(reason);
  }

  /** Throws once the work is cancelled. */
  throwIfCancelled(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  add(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Takes back a listener of {@link add}; harmless where there is none. */
  remove(listener: () => void): void {
    const index = this.#listeners.indexOf(listener);
    if (index !== -1) this.#listeners.splice(index, 1);
  }
}

/**
 * P2P_ERR_ABORTED, with the reason of `signal` as `cause`.
 * @param what was aborted: `'the dial'`
 */
export function aborted(what: string, signal: AbortSignal): PeerError {
  return new PeerError('P2P_ERR_ABORTED', `${what} was aborted`, { cause: signal.reason as unknown });
}

/**
 * Settles like `work`, or rejects as soon as it is not wanted any more; it is then left to itself, and nobody is hurt by
 * what becomes of it.
 *
 * note: what is not wanted at the call is not begun.
 * note: a signal gets one listener for all that race against it, and loses it with the last of them.
 * @param until a signal, a {@link Cancellation}, or undefined where `work` is wanted for ever
 * @param what `work` is, for the message of P2P_ERR_ABORTED
 * @throws {PeerError} P2P_ERR_ABORTED where a signal aborts; the reason of a cancellation; P2P_ERR_INVALID_CONFIG for what
 * is neither, such as an AbortController
 */
export function raceAgainst<T>(
  until: AbortSignal | Cancellation | undefined,
  work: () => PromiseLike<T>,
  what = 'the call',
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (until === undefined) {
      resolve(work());
      return;
    }
    const early = reasonOf(until, what);
    if (early !== undefined) throw early;
    const giveUp = (): void => reject(reasonOf(until, what)!);
    listen(until, giveUp);
    try {
      whenSettled(
        work(),
        (value) => (forget(until, giveUp), resolve(value as T)),
        (error) => (forget(until, giveUp), reject(error)),
      );
    } catch (error) {
      forget(until, giveUp);
      throw error;
    }
  });
}

function isSignal(until: AbortSignal | Cancellation): until is AbortSignal {
  if ('throwIfCancelled' in until) return false;
  requireSignal('signal', until);
  return true;
}

function reasonOf(until: AbortSignal | Cancellation, what: string): PeerError | undefined {
  if (!isSignal(until)) return until.reason;
  return until.aborted ? aborted(what, until) : undefined;
}

function listen(until: AbortSignal | Cancellation, listener: () => void): void {
  if (isSignal(until)) onAbort(until, listener);
  else until.add(listener);
}

function forget(until: AbortSignal | Cancellation, listener: () => void): void {
  if (isSignal(until)) forgetAbort(until, listener);
  else until.remove(listener);
}
