/**
 * Two peers that prove to each other who they are, and whom nobody can listen to: TLS with certificates on both sides.
 * Then strangers: without a certificate, with one of another authority, without TLS. And a certificate that is renewed.
 *
 *   npm run example tls
 */
import { createConnection } from 'node:net';
import { lines } from '@pea2pea/codecs';
import { describeReason, PeerError, type Connection, type AnyConnection } from '@pea2pea/core';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import { tls, Tls, tlsSession, type TlsOptions } from '@pea2pea/tls';
import { newAuthority } from './certificates.js';

const print = (who: string, text: string): void => console.log(`${who.padEnd(8)} ${text}`);
const listen = { host: '127.0.0.1', port: 0 };

/** Whom the certificate of the other side is for: it is proved, unlike what the other side says. */
function nameOf({ context }: Pick<AnyConnection, 'context'>): string {
  return context.get(tlsSession)?.peerCertificate?.subject.replace('CN=', '') ?? 'somebody';
}

@Peer({ codec: lines() })
class Friend {
  @OnMessage()
  async onLine(line: string, connection: Connection<string>): Promise<void> {
    print('server', `hears "${line}" from ${nameOf(connection)}`);
    await connection.send(`hello ${nameOf(connection)}`);
  }
}

@Peer({ codec: lines() })
class Guest {
  @OnMessage()
  onLine(line: string, connection: Connection<string>): void {
    print('client', `hears "${line}" from ${nameOf(connection)}`);
    onAnswer();
  }
}
let onAnswer = (): void => {};

const authority = await newAuthority('our authority');
const { ca } = authority;
const server = await createPeer(Friend, {
  config: { listen },
  plugins: [tls({ ...(await authority.issue('bob')), ca, requestCert: true, ALPNProtocols: ['hello/1'] })],
});

const dial = async (options: TlsOptions) => {
  const guest = await createPeer(Guest, { plugins: [tls({ ALPNProtocols: ['hello/1'], ...options })] });
  return { guest, connection: await guest.node.connect(server.address!) };
};

const { guest, connection } = await dial({ ...(await authority.issue('ann')), ca });
const { protocol, alpnProtocol, authorized } = connection.context.get(tlsSession)!;
print('client', `is connected: ${protocol}, ${alpnProtocol}, authorized: ${authorized}`);
const answered = new Promise<void>((resolve) => (onAnswer = resolve));
await connection.send('good morning');
await answered;

// With TLS 1.3 who dials is done before the other side has looked at his certificate: the connection ends at once.
const other = await newAuthority('another authority');
const stranger = await dial({ ...(await other.issue('ann')), ca });
await stranger.connection.closed;
print('stranger', 'with a certificate of another authority is disconnected');
await stranger.guest.close();

const nobody = await dial({ ca });
await nobody.connection.closed;
print('nobody', 'without a certificate is disconnected');
await nobody.guest.close();

const wary = await createPeer(Guest, { plugins: [tls({ ca: other.ca })] });
const error = await wary.node.connect(server.address!).catch((thrown: unknown) => thrown);
if (!PeerError.is(error)) throw new Error('the wary one was let in');
print('wary', `does not trust our authority: ${error.code}`);
await wary.close();

const { port } = server.address!;
const socket = createConnection({ port, host: '127.0.0.1' }, () => socket.write('hello in plain text\n'));
await new Promise((resolve) =>
  socket
    .on('error', () => {})
    .resume()
    .once('close', resolve),
);
print('plain', 'text is not answered');

server.get(Tls).setSecureContext(await authority.issue('robert'));
const later = await dial({ ...(await authority.issue('cleo')), ca });
print('client', `finds the server renewed: ${nameOf(later.connection)}; before it was ${nameOf(connection)}`);
await later.guest.close();

print('server', `refused ${server.node.heuristics.handshakeFailures} handshakes`);
await connection.disconnect();
print('client', `is disconnected, reason: ${describeReason(await connection.closed)}`);
await Promise.all([guest.close(), server.close()]);
print('all', 'closed');
