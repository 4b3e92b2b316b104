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
 * A stream on its way through a TLS server. It is an emitter of its own that inherits everything else from the server:
 * events about the stream are emitted on it, so that listeners see from `this` which stream an event is about.
 */
interface Arrival extends Server {
  resolve(socket: TLSSocket): void;
  reject(error: Error): void;
}

/**
 * Makes the server for the dialled side. It never listens: it is given streams, which `node:tls` supports.
 * @param named the contexts for peers that ask for a server name, by that name in lower case
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

/** Resolves when the handshake is over and the certificate checked; rejects with the error of `node:tls`. */
export function acceptTls(server: Server, stream: Duplex): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { allowHalfOpen } = stream;
    const onSecure = (socket: TLSSocket): void => {
      socket.allowHalfOpen = allowHalfOpen;
      resolve(established(socket));
    };
    const arrival = Object.assign(Object.create(server) as Server, { resolve: onSecure, reject });
    // The TLS socket copies it: a peer that ends in the middle of the handshake has left.
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
