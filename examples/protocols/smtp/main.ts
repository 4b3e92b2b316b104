/**
 * SMTP (RFC 5321): a server that takes mail for one domain into a folder. Shows a connection that becomes a handshake again,
 * at an exact byte: for STARTTLS it comes back encrypted, for DATA it comes back as it was, with the content of a mail read.
 *
 *   npm run example protocols/smtp -- 2525 mails ca.pem     the certificate to trust is written to that file
 *   swaks --server 127.0.0.1:2525 --tls --to ann@example.test
 */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import type { Connection, DisconnectReason } from '@pea2pea/core';
import { createPeer, OnDisconnect, Peer } from '@pea2pea/decorators';
import { TlsContext } from '@pea2pea/tls';
import { ContainerModule } from 'inversify';
import { newAuthority } from '../../tls/certificates.js';
import { smtp, type Command } from './codec.js';
import { Dialogue, MailRoom, type Mail } from './session.js';

const [port = '2525', folder = 'mails', file] = process.argv.slice(2);

const authority = await newAuthority('an authority for this run');
const credentials = await authority.issue('mail.example.test');
if (file !== undefined) await writeFile(file, authority.ca);
await mkdir(folder, { recursive: true });

class Folder extends MailRoom {
  readonly tls = new TlsContext({ ...credentials, minVersion: 'TLSv1.2' });

  knows(address: string): boolean {
    return address.toLowerCase().endsWith('@example.test');
  }

  async deliver({ from, to, encrypted, content }: Mail): Promise<void> {
    const name = `${folder}/${randomUUID()}.eml`;
    await writeFile(name, content, { flush: true });
    console.log(JSON.stringify({ name, from, to, encrypted }));
  }
}

@Peer({
  codec: smtp,
  sessions: [Dialogue],
  idleTimeoutMs: 5 * 60_000,
  maxConnections: 200,
  maxConnectionsPerIp: 20,
})
class MailServer {
  /** 3.8: a server says goodbye, also where it is the client who breaks the protocol. */
  @OnDisconnect()
  lastWords(client: Connection<Command, string>, reason: DisconnectReason): void {
    if (reason.origin === 'shutdown') client.trySend('421 mail.example.test closes');
    if (reason.origin === 'reading' && reason.cause === 'idle-timeout')
      client.trySend('421 nothing came for 5 minutes');
    if (reason.origin === 'reading' && reason.cause === 'invalid-frame')
      client.trySend('500 not a line of commands');
  }
}

const server = await createPeer(MailServer, {
  bindings: new ContainerModule(({ bind }) => void bind(MailRoom).toConstantValue(new Folder())),
  listen: { host: '127.0.0.1', port: Number(port) },
});
server.closeOn('SIGINT', 'SIGTERM');
console.log(`smtp at ${server.address}`);
