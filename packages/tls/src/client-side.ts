import type { Duplex } from 'node:stream';
import { connect, type checkServerIdentity, type SecureContext, type TLSSocket } from 'node:tls';
import { requireAtOnce } from '@pea2pea/core/authoring';
import { established } from './established.js';
import { checkIdentity } from './host-names.js';
import type { TlsPolicy } from './options.js';
import { authorizationErrorOf } from './session.js';
import { CertificateError, gone, isError, RefusedIdentity } from './tls-errors.js';

/** What the certificate of the dialled peer must be for. */
export interface ServerIdentity {
  /** The host name to send and to compare, in A-labels; undefined for an IP address, which RFC 6066 section 3 excludes. */
  readonly name: string | undefined;
  /** The host that was dialled; compared where there is no name. */
  readonly host: string;
}

/** Performs the handshake of the side that dialled. */
export function dialTls(
  client: SecureContext,
  policy: TlsPolicy,
  stream: Duplex,
  { name, host }: ServerIdentity,
): Promise<TLSSocket> {
  const { rejectUnauthorized, ALPNProtocols } = policy;
  return new Promise((resolve, reject) => {
    // Node 20 listens for the end of the handshake after it has begun it: a stream that brings the reply inside of a write
    // would end it before. So nothing is written until all listen.
    stream.cork();
    const socket = connect({
      socket: stream,
      secureContext: client,
      host: name ?? host,
      ...(name !== undefined && { servername: name }),
      rejectUnauthorized,
      checkServerIdentity: guarded(policy.checkServerIdentity ?? checkIdentity),
      ...(ALPNProtocols !== undefined && { ALPNProtocols: [...ALPNProtocols] }),
    });
    socket.once('secureConnect', () => resolve(established(socket)));
    socket.on('error', (error: Error) => {
      reject(authorizationErrorOf(socket) === undefined ? error : new CertificateError(socket, error));
    });
    socket.once('close', () => reject(gone()));
    stream.uncork();
  });
}

/**
 * Makes `check` safe to call from inside `node:tls`, where an error that is thrown would end the process, and one that is
 * returned is looked at. Anything but undefined refuses the peer. INVARIANT: foreign-values-are-harmless.
 */
function guarded(check: NonNullable<TlsPolicy['checkServerIdentity']>): typeof checkServerIdentity {
  return (hostname, cert) => {
    try {
      const returned: unknown = requireAtOnce('`checkServerIdentity`', check(hostname, cert));
      if (returned === undefined) return undefined;
      if (isError(returned)) return new RefusedIdentity(returned);
      return new Error('`checkServerIdentity` must return an error or undefined');
    } catch (thrown) {
      return new RefusedIdentity(thrown);
    }
  };
}
