import type { Duplex } from 'node:stream';

/** Closes a stream at once, without flushing; of a TCP socket, the peer sees a reset. */
export function resetStream(stream: Duplex & { readonly resetAndDestroy?: () => unknown }): void {
  if (stream.destroyed) return;
  // Until the FIN is sent libuv refuses to reset (EINVAL), and Node never closes the socket. There is nothing to be lost:
  // the system has all that was written.
  if (typeof stream.resetAndDestroy !== 'function' || isSendingFin(stream)) {
    stream.destroy();
    return;
  }
  try {
    stream.resetAndDestroy();
  } catch {
    stream.destroy(); // a Unix socket and a named pipe have the method, and cannot be reset
  }
}

/** It was asked for, nothing is left to be written before it, and the system has not confirmed it. */
function isSendingFin({ writableEnded, writableFinished, writableLength }: Duplex): boolean {
  return writableEnded && !writableFinished && writableLength === 0;
}
