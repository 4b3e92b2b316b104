import type { TLSSocket } from 'node:tls';
import { connectionError } from './tls-errors.js';

/**
 * `socket`, whose handshake is over, as a stream for a connection: it ends with its first error, and with a PeerError
 * where the peer sent what is no TLS record. To be called in the turn in which the handshake ends.
 *
 * note: `node:tls` emits errors of OpenSSL and leaves the socket open. One that came before the connection listens would
 * be lost.
 */
export function established(socket: TLSSocket): TLSSocket {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean;
  socket.on('error', ignore); // until the connection listens
  socket.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'error' || socket.destroyed) return emit(event, ...args);
    socket.destroy(connectionError(args[0] as Error)); // which emits it
    return true;
  };
  return socket;
}

function ignore(): void {}
