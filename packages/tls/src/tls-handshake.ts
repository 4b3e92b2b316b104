import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { PeerError, type Handshake } from '@pea2pea/core';
import { invalidConfig } from '@pea2pea/core/authoring';
import { dialTls } from './client-side.js';
import { acceptTls } from './server-side.js';
import { sessionOf, tlsIdentity, tlsSession, type TlsSession } from './session.js';
import type { TlsPolicy } from './options.js';
import type { Endpoints, TlsContext } from './tls-context.js';
import { gone, handshakeError, isError, refusal } from './tls-errors.js';

/**
 * TLS in any handshake hook, from here on: the side that dialled is the TLS client. What follows, in this hook, in later
 * ones and on the connection, goes through it. {@link tls} does it for a whole peer.
 *
 * ```ts
 * const secured = new TlsContext({ key, cert, ca });
 * node.use({
 *   async onHandshake(handshake) {
 *     await handshake.write('STARTTLS\n');
 *     await handshake.readUntil('\n', 16);
 *     const { peerCertificate } = await tlsHandshake(handshake, secured);
 *   },
 * });
 * ```
 *
 * note: bytes that arrived and were not read belong to TLS.
 * note: it leaves {@link tlsSession} and {@link tlsIdentity} in the context.
 * note: with TLS 1.3 the side that dialled is done before the other has looked at its certificate (RFC 8446 section 2).
 * Where that is refused, the handshake succeeds here, and the connection ends at once.
 * @throws {PeerError} P2P_ERR_HANDSHAKE_REJECTED where this side refuses what came; P2P_ERR_HANDSHAKE_FAILED where the
 * peer said why it refuses; P2P_ERR_HANDSHAKE_ENDED where it left, or the stream failed; P2P_ERR_INVALID_CONFIG when a peer dials that could not be shown a
 * certificate. `cause` is the error of `node:tls`. A PeerError of the stream stays as it is
 */
export async function tlsHandshake(handshake: Handshake, context: TlsContext): Promise<TlsSession> {
  handshake.signal.throwIfAborted();
  const { policy, endpoints } = context;
  const socket = await secured(handshake, endpoints, policy).catch((error: Error) => {
    handshake.signal.throwIfAborted();
    throw handshakeError(handshake.address, error);
  });
  handshake.upgrade(socket, { recyclesWrites: true }); // what is written is encrypted, and so copied, at once
  const session = sessionOf(socket);
  const { ALPNProtocols } = policy;
  if (ALPNProtocols !== undefined && session.alpnProtocol === undefined) {
    throw refusal(handshake.address, `it takes no part in ALPN, and may speak ${ALPNProtocols.join(' or ')}`);
  }
  const verdict: unknown = await policy.authorize?.(session, handshake);
  if (policy.authorize !== undefined && verdict !== true) {
    throw refusal(handshake.address, '`authorize` did not answer true');
  }
  handshake.context.set(tlsSession, session);
  const { peerCertificate, authorized } = session;
  if (peerCertificate !== undefined && (authorized || verdict === true)) {
    handshake.context.set(tlsIdentity, peerCertificate.fingerprint256);
  }
  return session;
}

/** @throws what `node:tls` or the stream says */
async function secured(handshake: Handshake, endpoints: Endpoints, policy: TlsPolicy): Promise<TLSSocket> {
  const { stream, address, direction, dialled = address } = handshake;
  const { client, server } = endpoints;
  if (stream.destroyed) throw stream.errored ?? gone();
  if (stream.readableEnded) throw gone();
  const beginTls = (): Promise<TLSSocket> => {
    if (direction === 'outbound') return dialTls(client, policy, stream, dialled);
    if (server === undefined)
      throw invalidConfig('`cert` and its `key` are needed by a peer that is dialled');
    return acceptTls(server, stream);
  };
  const socket = await unlessEnded(stream, beginTls);
  if (socket.destroyed) throw whyDestroyed(socket);
  return socket;
}

/** Of a socket that was handed what is no TLS right behind the handshake, in one chunk with it. */
function whyDestroyed({ errored }: TLSSocket): Error {
  if (PeerError.is(errored, 'P2P_ERR_INVALID_FRAME') && isError(errored.cause)) return errored.cause;
  return errored ?? gone();
}

/**
 * What `begin` promises, unless `stream` ends first. `node:tls` takes the handle of a socket, and what it has in store: an
 * end behind that does not come again.
 */
async function unlessEnded<T>(stream: Duplex, begin: () => Promise<T>): Promise<T> {
  let onEnd: (() => void) | undefined;
  const end = new Promise<never>((_, reject) => {
    onEnd = () => reject(gone());
    stream.once('end', onEnd);
  });
  try {
    return await Promise.race([end, begin()]);
  } finally {
    stream.off('end', onEnd!);
  }
}
