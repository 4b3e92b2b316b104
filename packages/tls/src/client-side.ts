import type { Duplex } from 'node:stream';
import { checkServerIdentity, connect, type SecureContext, type TLSSocket } from 'node:tls';
import type { SocketAddress } from '@pea2pea/core';
import { established } from './established.js';
import type { TlsPolicy } from './options.js';
import { authorizationErrorOf } from './session.js';
import { CertificateError, gone, isError } from './tls-errors.js';

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
 * Makes `check` safe to call from inside `node:tls`, where an error that is thrown would end the process, and a promise
 * would count as an error but its rejection be lost. Anything but undefined refuses the peer.
 */
function guarded(check: NonNullable<TlsPolicy['checkServerIdentity']>): typeof checkServerIdentity {
  return (hostname, cert) => {
    try {
      const problem: unknown = check(hostname, cert);
      if (problem === undefined || isError(problem)) return problem;
      Promise.resolve(problem).catch(ignore);
      return new Error('`checkServerIdentity` must return an error or undefined, and cannot be asynchronous');
    } catch (cause) {
      return isError(cause) ? cause : new Error('`checkServerIdentity` threw', { cause });
    }
  };
}

function ignore(): void {}
