import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { contextKey, type ContextKey } from '@pea2pea/core';

/** The result of a TLS handshake. */
export interface TlsSession {
  /** The version, `'TLSv1.3'` or `'TLSv1.2'`. */
  readonly protocol: string;
  /** The IANA name of the cipher suite, such as `'TLS_AES_256_GCM_SHA384'`. */
  readonly cipher: string;
  /** The protocol that ALPN chose; undefined if ALPN is not used. */
  readonly alpnProtocol: string | undefined;
  /** The name that the dialling side asked for (SNI). */
  readonly servername: string | undefined;
  /** The certificate of the peer, which has proved to have its private key; undefined if it did not show one. */
  readonly peerCertificate: X509Certificate | undefined;
  /** Whether the certificate was issued by an authority in `ca`, is valid now and, for a dialled peer, is for its name. */
  readonly authorized: boolean;
  /** Why the certificate is not authorized: a code of OpenSSL or Node.js. Undefined if it is, or was not requested. */
  readonly authorizationError: string | undefined;
}

/** The context key under which a connection over TLS has the result of its handshake. */
export const tlsSession: ContextKey<TlsSession> = contextKey<TlsSession>('pea2pea.tls-session');

/**
 * The context key for the name that the certificate of a dialled peer must be for, in place of the option `servername`:
 *
 * ```ts
 * await node.connect(address, { context: new ConnectionContext().with(tlsServerName, 'bob.example.org') });
 * ```
 */
export const tlsServerName: ContextKey<string> = contextKey<string>('pea2pea.tls-server-name');

/**
 * What the handshake established.
 * @param socket one whose handshake is over
 */
export function sessionOf(socket: TLSSocket): TlsSession {
  const { alpnProtocol, authorized } = socket;
  // On the dialled side it is false if no name was requested, which the types do not say.
  const { servername } = socket as { readonly servername?: unknown };
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName,
    alpnProtocol: typeof alpnProtocol === 'string' ? alpnProtocol : undefined,
    servername: typeof servername === 'string' && servername !== '' ? servername : undefined,
    peerCertificate: socket.getPeerX509Certificate(),
    authorized,
    authorizationError: authorizationErrorOf(socket),
  };
}

/** Why the certificate is not authorized. It is a string, despite its type, or null if there is no error. */
export function authorizationErrorOf(socket: TLSSocket): string | undefined {
  const { authorizationError } = socket as { readonly authorizationError: unknown };
  return typeof authorizationError === 'string' ? authorizationError : undefined;
}
