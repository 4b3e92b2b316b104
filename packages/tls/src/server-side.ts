import type { Duplex } from 'node:stream';
import {
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { MAX_TIMER_MS } from '@pea2pea/core/authoring';
import { established } from './established.js';
import type { TlsPolicy } from './options.js';
import { byServerName } from './server-names.js';
import { authorizationErrorOf } from './session.js';
import { CertificateError } from './tls-errors.js';

/**
 * A stream on its way through a TLS server. It is an emitter of its own that inherits all else from the server: what
 * the server tells of the stream is emitted on it, so listeners know by `this` which stream they are told of.
 */
interface Arrival extends Server {
  resolve(socket: TLSSocket): void;
  reject(error: Error): void;
}

/**
 * The side that was dialled. It never listens: streams are handed to it, which `node:tls` allows for.
 * @param named what it shows to those who ask for a server name, by that in lower case
 */
export function makeServer(
  options: SecureContextOptions,
  policy: TlsPolicy,
  named: ReadonlyMap<string, SecureContext>,
): Server {
  const { requestCert, rejectUnauthorized, ALPNProtocols } = policy;
  const server = createServer({
    ...options,
    requestCert,
    rejectUnauthorized,
    ...(ALPNProtocols !== undefined && { ALPNProtocols: [...ALPNProtocols] }),
    ...(named.size > 0 && { SNICallback: byServerName(named) }),
    handshakeTimeout: MAX_TIMER_MS, // the node has a deadline of its own
  });
  server.on('secureConnection', serverOnSecureConnection);
  server.on('tlsClientError', serverOnClientError);
  return server;
}

/** Resolves when the handshake is over and the certificate was looked at; rejects with what `node:tls` says. */
export function acceptTls(server: Server, stream: Duplex): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { allowHalfOpen } = stream;
    const onSecure = (socket: TLSSocket): void => {
      socket.allowHalfOpen = allowHalfOpen;
      resolve(established(socket));
    };
    const arrival = Object.assign(Object.create(server) as Server, { resolve: onSecure, reject });
    // The TLS socket takes it over: a peer that ends in the middle of the handshake has left.
    stream.allowHalfOpen = false;
    arrival.emit('connection', stream);
    stream.allowHalfOpen = allowHalfOpen;
  });
}

function serverOnSecureConnection(this: Arrival, socket: TLSSocket): void {
  this.resolve(socket);
}

function serverOnClientError(this: Arrival, error: Error, socket: TLSSocket): void {
  this.reject(authorizationErrorOf(socket) === undefined ? error : new CertificateError(socket));
}
