import type { Duplex } from 'node:stream';
import { checkServerIdentity, connect, type SecureContext, type TLSSocket } from 'node:tls';
import type { SocketAddress } from '@pea2pea/core';
import { established } from './established.js';
import type { TlsPolicy } from './options.js';
import { authorizationErrorOf } from './session.js';
import { CertificateError, gone, isError } from './tls-errors.js';

/** @param dialled whom the user means to reach */
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
      host: dialled.host, // what an IP address in the certificate is compared with
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

/** IP addresses are never sent as a server name; nor is the dot at the end of an absolute name (RFC 6066 section 3). */
function nameOf(dialled: SocketAddress): string | undefined {
  return dialled.isIp ? undefined : dialled.host.replace(/\.$/, '');
}

/**
 * It is called from inside `node:tls`, where an error that is thrown would end the process, and a promise is an error of
 * which nobody hears. Whatever else than undefined comes refuses.
 */
function guarded(check: NonNullable<TlsPolicy['checkServerIdentity']>): typeof checkServerIdentity {
  return (hostname, cert) => {
    try {
      const answer: unknown = check(hostname, cert);
      if (answer === undefined || isError(answer)) return answer;
      Promise.resolve(answer).catch(ignore);
      return new Error(
        '`checkServerIdentity` answered neither an error nor undefined, and cannot be asynchronous',
      );
    } catch (cause) {
      return isError(cause) ? cause : new Error('`checkServerIdentity` threw', { cause });
    }
  };
}

function ignore(): void {}
