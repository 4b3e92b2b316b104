import { forgetAbort, onAbort, PeerError } from '@pea2pea/core';

/**
 * Settles like `promise`, or rejects as soon as `signal` aborts.
 * @throws {PeerError} P2P_ERR_ABORTED
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(aborted(signal));
    if (signal.aborted) abort();
    else onAbort(signal, abort);
    void promise.then(resolve, reject).finally(() => forgetAbort(signal, abort));
  });
}

export function aborted(signal: AbortSignal): PeerError {
  return new PeerError('P2P_ERR_ABORTED', 'the wait was aborted', { cause: signal.reason });
}
