import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { contextKey, type ContextKey } from '@pea2pea/core';

/** What a TLS handshake came to. */
export interface TlsSession {
  /** `'TLSv1.3'` or `'TLSv1.2'`. */
  readonly protocol: string;
  /** The IANA name of the cipher suite: `'TLS_AES_256_GCM_SHA384'`. */
  readonly cipher: string;
  /** What ALPN settled on; undefined where it is not used. */
  readonly alpnProtocol: string | undefined;
  /** The name that the dialling side asked for (SNI). */
  readonly servername: string | undefined;
  /** Of the peer; undefined where it was not asked for one, or showed none. It has proved to hold the private key. */
  readonly peerCertificate: X509Certificate | undefined;
  /** Whether the certificate comes from an authority, is valid now and, of a peer that we dialled, is for its name. */
  readonly authorized: boolean;
  /** Why not: the code of OpenSSL or Node.js. Undefined where none was asked for. */
  readonly authorizationError: string | undefined;
}

/** On connections over TLS: what the handshake came to. */
export const tlsSession: ContextKey<TlsSession> = contextKey<TlsSession>('pea2pea.tls-session');

/**
 * On connections over TLS: the SHA-256 fingerprint of the peer's certificate, `'AB:CD:…'`, where that is authorized or
 * `authorize` answered true. It is proved, so it is an identity for `uniquePeer`.
 *
 * note: a renewed certificate has another one, even if the name in it is the same.
 */
export const tlsIdentity: ContextKey<string> = contextKey<string>('pea2pea.tls-identity');

/** @param socket whose handshake is over */
export function sessionOf(socket: TLSSocket): TlsSession {
  const { alpnProtocol, authorized } = socket;
  // On the dialled side the name is false where none was asked for, and the types do not know it.
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

/** It is a text, whatever the types say, and null where there is none. */
export function authorizationErrorOf(socket: TLSSocket): string | undefined {
  const { authorizationError } = socket as { readonly authorizationError: unknown };
  return typeof authorizationError === 'string' ? authorizationError : undefined;
}
