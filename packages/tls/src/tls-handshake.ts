import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { expectedIdentity, peerIdentity, PeerError, secureChannel, type Handshake } from '@pea2pea/core';
import { describe, invalidConfig, requireAtOnce, requireExpectedIdentity } from '@pea2pea/core/authoring';
import { dialTls, type ServerIdentity } from './client-side.js';
import { hostNameOf } from './host-names.js';
import { acceptTls } from './server-side.js';
import { sessionOf, tlsServerName, tlsSession, type TlsSession } from './session.js';
import { requireHostName, type TlsPolicy } from './options.js';
import { inUseBy, type Endpoints, type TlsContext } from './tls-context.js';
import { gone, handshakeError, isError, refusal } from './tls-errors.js';

/**
 * Switches to TLS inside a handshake hook: everything after it, in this hook, in later hooks and on the connection, is
 * encrypted. The side that dialled is the TLS client. {@link tls} does this for every connection of a peer.
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
 * note: bytes that have arrived and were not read are taken as part of TLS.
 * note: it sets {@link tlsSession} in the context, and the identity of the connection if the certificate is authorized, or
 * `authorize` returned true, or the dial expects this identity (`expectedIdentity`): so a dial can pin a certificate.
 * note: with TLS 1.3 the side that dialled finishes before the other side has checked its certificate (RFC 8446
 * section 2). If the other side refuses it, the handshake succeeds here and the connection ends right after.
 * @throws {PeerError} P2P_ERR_HANDSHAKE_REJECTED when this side refuses the peer; P2P_ERR_HANDSHAKE_FAILED when the peer
 * refuses, and said why; P2P_ERR_WRONG_IDENTITY when the dial expects another one; P2P_ERR_HANDSHAKE_ENDED when the peer left or the stream failed; P2P_ERR_INVALID_CONFIG when
 * `context` is not a TlsContext, and when a peer dials and there is no certificate to show. `cause` is the error of `node:tls`. A PeerError of the stream is passed on
 */
export async function tlsHandshake(handshake: Handshake, context: TlsContext): Promise<TlsSession> {
  await handshake.turn();
  const { policy, endpoints } = inUseBy(context);
  const socket = await secured(handshake, endpoints, policy).catch((error: Error) => {
    handshake.signal.throwIfAborted();
    throw handshakeError(handshake.address, error);
  });
  handshake.upgrade(socket, { reusesBuffers: true, neverReenters: true }); // what is written is encrypted, and so copied, at once
  const session = sessionOf(socket);
  const { ALPNProtocols } = policy;
  if (ALPNProtocols !== undefined && session.alpnProtocol === undefined) {
    throw refusal(handshake.address, `it does not use ALPN, and must speak ${ALPNProtocols.join(' or ')}`);
  }
  const verdict: unknown = await policy.authorize?.(session, handshake);
  if (policy.authorize !== undefined && verdict !== true) {
    throw refusal(handshake.address, '`authorize` did not return true');
  }
  const { context: left } = handshake;
  left.set(tlsSession, session);
  left.set(secureChannel, `${session.protocol} ${session.cipher}`);
  const identity = identityOf(session, policy);
  const isPinned = left.has(expectedIdentity) && left.get(expectedIdentity) === identity;
  if (identity !== undefined && (session.authorized || verdict === true || isPinned)) {
    requireExpectedIdentity(left, identity);
    left.set(peerIdentity, identity);
  }
  return session;
}

/** Who has the private key of the certificate. @throws {PeerError} P2P_ERR_INVALID_CONFIG when `identity` returns something else */
function identityOf(session: TlsSession, { identity }: TlsPolicy): string | undefined {
  if (session.peerCertificate === undefined) return undefined;
  if (identity === undefined) return session.peerCertificate.fingerprint256;
  const found: unknown = requireAtOnce('`identity`', identity(session));
  if (found === undefined || typeof found === 'string') return found;
  throw invalidConfig(`\`identity\` must return a string or undefined, not ${describe(found)}`);
}

/** Performs the handshake. @throws the error of `node:tls` or of the stream */
async function secured(handshake: Handshake, endpoints: Endpoints, policy: TlsPolicy): Promise<TLSSocket> {
  const { direction } = handshake;
  const whom = direction === 'outbound' ? whomWeDialled(handshake, policy) : undefined;
  const stream = handshake.takeStream();
  const { client, server } = endpoints;
  if (stream.destroyed) throw stream.errored ?? gone();
  if (stream.readableEnded) throw gone();
  const beginTls = (): Promise<TLSSocket> => {
    if (whom !== undefined) return dialTls(client, policy, stream, whom);
    if (server === undefined)
      throw invalidConfig('`cert` and its `key` are required for a peer that is dialled');
    return acceptTls(server, stream);
  };
  const socket = await unlessEnded(stream, beginTls);
  if (socket.destroyed) throw whyDestroyed(socket);
  return socket;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG when the name given with the dial is not one; P2P_ERR_INVALID_ADDRESS likewise for the dialled host */
function whomWeDialled(
  { address, dialled = address, context }: Handshake,
  { servername }: TlsPolicy,
): ServerIdentity {
  const { host, isIp } = dialled;
  if (context.has(tlsServerName)) {
    return { name: requireHostName('tlsServerName', context.get(tlsServerName)), host };
  }
  if (servername !== undefined || isIp) return { name: servername, host };
  const name = hostNameOf(host.replace(/\.$/, '')); // an absolute name ends with a dot, which the SNI does not have
  if (name === undefined)
    throw new PeerError(
      'P2P_ERR_INVALID_ADDRESS',
      `${describe(host)} is not a host name that TLS can ask for`,
      { remedy: 'say what name the certificate is for: `servername`, or `tlsServerName` for one dial' },
    );
  return { name, host };
}

/** Why `socket` is destroyed already: the chunk that ended its handshake went on with something that is not TLS. */
function whyDestroyed({ errored }: TLSSocket): Error {
  if (PeerError.is(errored, 'P2P_ERR_INVALID_FRAME') && isError(errored.cause)) return errored.cause;
  return errored ?? gone();
}

/**
 * Waits for `begin`, and rejects if `stream` ends first. `node:tls` takes over the handle of a socket and the bytes it has
 * buffered; an end that is already in there would not be reported to it.
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
