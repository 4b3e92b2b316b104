import { aborted } from '../authoring/cancellation.js';
import { requireSignal } from '../authoring/checks.js';
import type { Deferred } from '../authoring/deferred.js';
import { forgetAbort, onAbort } from '../authoring/signal-listeners.js';
import { PeerError } from '../errors/errors.js';
import type { InnerConnection } from './inner-connection.js';

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

/** The queue has no room. `limit`: `outboundQueueBytes` of the node. */
export function queueFull({ address, bufferedBytes }: InnerConnection, limit: number): PeerError {
  const which =
    bufferedBytes >= limit
      ? `the limit is ${limit} (\`outboundQueueBytes\`)`
      : 'more than its share of `maxBufferedBytes`, which is nearly used up';
  return new PeerError('P2P_ERR_QUEUE_FULL', `${bufferedBytes} bytes wait for ${address}, ${which}`);
}

/** Something was called on a connection that is a handshake for now. */
export function renegotiating({ address }: Pick<InnerConnection, 'address'>): PeerError {
  return new PeerError('P2P_ERR_RENEGOTIATING', `the connection with ${address} is being renegotiated`);
}

export function sentByEncoder(): PeerError {
  return new PeerError('P2P_ERR_ENCODE_FAILED', 'an encoder sent a message of its own');
}
