import { aborted } from '../authoring/cancellation.js';
import { requireSignal } from '../authoring/checks.js';
import type { Deferred } from '../authoring/deferred.js';
import { forgetAbort, onAbort } from '../authoring/signal-listeners.js';
import type { PeerError } from '../errors/errors.js';

/** Why nothing is sent with `signal`: looked at before a byte is queued. */
export function refusedBy(signal: AbortSignal): PeerError | undefined {
  try {
    requireSignal('signal', signal);
  } catch (error) {
    return error as PeerError;
  }
  return signal.aborted ? aborted('the wait', signal) : undefined;
}

/** Ends the waiting of a send when `signal` aborts; its bytes still go out. */
export function rejectOnAbort(waiter: Deferred, signal: AbortSignal): void {
  const reject = (): void => waiter.reject(aborted('the wait', signal));
  onAbort(signal, reject);
  const settled = (): void => forgetAbort(signal, reject);
  waiter.promise.then(settled, settled);
}
