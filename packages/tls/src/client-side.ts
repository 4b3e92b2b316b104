import type { Duplex } from 'node:stream';
import { checkServerIdentity, connect, type SecureContext, type TLSSocket } from 'node:tls';
import type { SocketAddress } from '@pea2pea/core';
import { requireAtOnce } from '@pea2pea/core/authoring';
import { established } from './established.js';
import type { TlsPolicy } from './options.js';
import { authorizationErrorOf } from './session.js';
import { CertificateError, gone, isError, RefusedIdentity } from './tls-errors.js';

/**
 * Performs the handshake of the side that dialled.
 * @param dialled the address that the user gave to `connect`
 */
export function dialTls(
  client: SecureContext,
  policy: TlsPolicy,
  stream: Duplex,
  dialled: SocketAddress,
): Promise<TLSSocket> {
  const { rejectUnauthorized, ALPNProtocols, servername = nameOf(dialled) } = policy;
  return new Promise((resolve, reject) => {
    const socket = connect({
      socket: stream,
      secureContext: client,
      host: dialled.host, // compared with the IP addresses in the certificate
      ...(servername !== undefined && { servername }),
      rejectUnauthorized,
      checkServerIdentity: guarded(policy.checkServerIdentity ?? checkServerIdentity),
      ...(ALPNProtocols !== undefined && { ALPNProtocols: [...ALPNProtocols] }),
    });
    socket.once('secureConnect', () => resolve(established(socket)));
    socket.on('error', (error: Error) => {
      reject(authorizationErrorOf(socket) === undefined ? error : new CertificateError(socket, error));
    });
    socket.once('close', () => reject(gone()));
  });
}

/** The server name to send. RFC 6066 section 3 excludes IP addresses, and the dot at the end of an absolute name. */
function nameOf(dialled: SocketAddress): string | undefined {
  return dialled.isIp ? undefined : dialled.host.replace(/\.$/, '');
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
