import { PeerError, type SocketAddress } from '@pea2pea/core';
import type { TLSSocket } from 'node:tls';
import { authorizationErrorOf } from './session.js';

/** What OpenSSL and Node.js add to errors. */
interface TlsError extends Error {
  /** `'ERR_SSL_…'`, `'ERR_TLS_…'`, the name of a problem with a certificate, or that of the system. */
  readonly code?: string;
  /** OpenSSL's words, without the file and line in its sources that the message has. */
  readonly reason?: string;
}

/** A peer can write a lot into its certificate, which ends up in the message. */
const MAX_TEXT_LENGTH = 300;

/** What this side has against the certificate of a peer: `node:tls`, or `checkServerIdentity`. */
export class CertificateError extends Error {
  readonly code: string | undefined;

  /** @param cause where there is more than the code of `socket` */
  constructor(socket: TLSSocket, cause?: TlsError) {
    super(cause?.message ?? "the peer's certificate is refused", { cause });
    this.code = cause === undefined ? authorizationErrorOf(socket) : cause.code;
  }
}

/** Also where it comes from another realm, which `instanceof` does not see. */
export function isError(value: unknown): value is Error {
  return Object.prototype.toString.call(value) === '[object Error]';
}

/** As `node:tls` says it of a peer that goes away. */
export function gone(): Error {
  return Object.assign(new Error('the stream ended'), { code: 'ECONNRESET' });
}

/**
 * Why a TLS handshake failed, by whose doing it was:
 *
 * ```text
 *   this side does not take what came (certificate, version, no TLS at all)   P2P_ERR_HANDSHAKE_REJECTED
 *   the peer said why it does not go on (an alert, RFC 8446 section 6)        P2P_ERR_HANDSHAKE_FAILED
 *   the peer went away, or what is below TLS failed                           P2P_ERR_HANDSHAKE_ENDED
 *   what is below TLS ended with a PeerError                                  that
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

export function refusal(address: SocketAddress, why: string, cause?: unknown): PeerError {
  const what = `the TLS handshake with ${address} was refused: ${why}`;
  return new PeerError('P2P_ERR_HANDSHAKE_REJECTED', what, cause === undefined ? undefined : { cause });
}

/**
 * `error` of an open connection. Where it is about what the peer sent, such as a record that does not decrypt, it is the
 * PeerError that ends a connection with `invalid-frame`; an alert of the peer is told in OpenSSL's words alone.
 */
export function connectionError(error: TlsError): Error {
  const { code } = error;
  if (code?.startsWith('ERR_SSL_') !== true) return error;
  if (isAlert(error)) {
    return Object.assign(new Error(`the peer ended TLS: ${textOf(error)}`, { cause: error }), { code });
  }
  const what = `the peer sent no sound TLS record: ${textOf(error)}`;
  return new PeerError('P2P_ERR_INVALID_FRAME', what, { cause: error });
}

/** Whether the peer sent it. OpenSSL names alerts by the oldest version that has them, and since 3.2 those of SSL 3 by both. */
function isAlert({ code }: TlsError): boolean {
  return code !== undefined && /^ERR_SSL_(SSLV3|SSL\/TLS|TLSV1|TLSV13)_/.test(code);
}

function textOf({ code, reason, message }: TlsError): string {
  const text = (reason ?? message).split('\n')[0]!.slice(0, MAX_TEXT_LENGTH);
  return code === undefined ? text : `${text} (${code})`;
}
