import { PeerError, type SocketAddress } from '@pea2pea/core';
import { describe, readData } from '@pea2pea/core/authoring';
import type { TLSSocket } from 'node:tls';
import { authorizationErrorOf } from './session.js';

/** What OpenSSL and Node.js add to errors. */
interface TlsError extends Error {
  /** `'ERR_SSL_…'`, `'ERR_TLS_…'`, the name of a problem with a certificate, or that of the system. */
  readonly code?: string;
  /** OpenSSL's description; unlike the message, without a file and line of its sources. */
  readonly reason?: string;
}

/** At most this many characters of a foreign message are quoted: it may contain text from the peer's certificate. */
const MAX_TEXT_LENGTH = 300;

/** The reason why `node:tls` or `checkServerIdentity` refuses the certificate of a peer. */
export class CertificateError extends Error {
  readonly code: string | undefined;

  /** @param cause the error, if there is more than the code that `socket` has */
  constructor(socket: TLSSocket, cause?: TlsError) {
    super(cause?.message ?? "the peer's certificate was refused", {
      cause: cause instanceof RefusedIdentity ? cause.cause : cause,
    });
    this.code = cause === undefined ? authorizationErrorOf(socket) : cause.code;
  }
}

/** Why `checkServerIdentity` refuses a peer, as plain data: `node:tls` reads it, and what was thrown may be anything. */
export class RefusedIdentity extends Error {
  readonly code: string | undefined;

  constructor(cause: unknown) {
    super(describe(cause), { cause });
    const code = readData(cause, 'code');
    if (typeof code === 'string') this.code = code;
  }
}

/** Whether `value` is an error, from any realm: `instanceof` knows only those of this one. */
export function isError(value: unknown): value is Error {
  return Object.prototype.toString.call(value) === '[object Error]';
}

/** The error for a peer that has left, like that of `node:tls`. */
export function gone(): Error {
  return Object.assign(new Error('the stream ended'), { code: 'ECONNRESET' });
}

/**
 * The error of a TLS handshake that failed, by who ended it:
 *
 * ```text
 *   this side refused what it received (certificate, version, not TLS)        P2P_ERR_HANDSHAKE_REJECTED
 *   the peer refused, and said why (an alert, RFC 8446 section 6)             P2P_ERR_HANDSHAKE_FAILED
 *   the peer left, or the stream below TLS failed                             P2P_ERR_HANDSHAKE_ENDED
 *   the stream below TLS failed with a PeerError                              that PeerError
 * ```
 */
export function handshakeError(address: SocketAddress, error: TlsError): PeerError {
  if (PeerError.is(error)) return error;
  if (error instanceof CertificateError) return refusal(address, textOf(error), error.cause ?? error);
  const cause = error;
  if (isAlert(error)) {
    const what = `${address} refused the TLS handshake: ${textOf(error)}`;
    return new PeerError('P2P_ERR_HANDSHAKE_FAILED', what, { cause });
  }
  if (typeof error.code === 'string' && /^ERR_(SSL|TLS)_/.test(error.code)) {
    return refusal(address, textOf(error), cause);
  }
  const what =
    error.code === 'ECONNRESET'
      ? `${address} closed the connection during the TLS handshake`
      : `the connection to ${address} failed during the TLS handshake: ${textOf(error)}`;
  return new PeerError('P2P_ERR_HANDSHAKE_ENDED', what, { cause });
}

/** The error for a peer that this side refuses. */
export function refusal(address: SocketAddress, why: string, cause?: unknown): PeerError {
  const what = `the TLS handshake with ${address} was refused: ${why}`;
  return new PeerError('P2P_ERR_HANDSHAKE_REJECTED', what, cause === undefined ? undefined : { cause });
}

/**
 * Translates the error of an open connection. If the peer sent something invalid, such as a record that does not decrypt,
 * the result is a PeerError, which ends the connection with `invalid-frame`; if it sent an alert, an error that quotes it.
 */
export function connectionError(error: TlsError): Error {
  const { code } = error;
  if (code?.startsWith('ERR_SSL_') !== true) return error;
  if (isAlert(error)) {
    return Object.assign(new Error(`the peer ended TLS: ${textOf(error)}`, { cause: error }), { code });
  }
  const what = `the peer sent an invalid TLS record: ${textOf(error)}`;
  return new PeerError('P2P_ERR_INVALID_FRAME', what, { cause: error });
}

/** Whether the peer sent the error. OpenSSL names an alert after the oldest version that has it; since 3.2, those of SSL 3 also after TLS. */
function isAlert({ code }: TlsError): boolean {
  return code !== undefined && /^ERR_SSL_(SSLV3|SSL\/TLS|TLSV1|TLSV13)_/.test(code);
}

function textOf({ code, reason, message }: TlsError): string {
  const text = (reason ?? message).split('\n')[0]!.slice(0, MAX_TEXT_LENGTH);
  return code === undefined ? text : `${text} (${code})`;
}
