import type { TLSSocket } from 'node:tls';
import { markOwnMemory } from '@pea2pea/core/authoring';
import { connectionError } from './tls-errors.js';

/**
 * Prepares `socket`, whose handshake is over, for a connection: its first error destroys it, once everything before that
 * error has been read. If the peer sent something that is not a TLS record, the error is a PeerError. To be called in the
 * turn in which the handshake ends.
 *
 * note: `node:tls` emits errors of OpenSSL and leaves the socket open, and one that occurs before the connection listens
 * would be lost.
 */
export function established(socket: TLSSocket): TLSSocket {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean;
  const read = socket.read.bind(socket);
  const destroy = socket.destroy.bind(socket);
  let failure: Error | undefined;
  markOwnMemory(socket); // what it brings was decrypted for this socket alone
  socket.on('error', ignore); // until the connection listens
  socket.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'error' || socket.destroyed) return emit(event, ...args);
    failure ??= connectionError(args[0] as Error);
    if (socket.readableLength === 0) socket.destroy(failure); // which emits it
    return true;
  };
  socket.read = (size?: number): unknown => {
    const chunk: unknown = read(size);
    if (failure !== undefined && socket.readableLength === 0) socket.destroy(failure);
    return chunk;
  };
  // The peer may leave before everything has been read: the first error counts.
  socket.destroy = (error?: Error) => destroy(failure ?? error);
  return socket;
}

function ignore(): void {}
