import { describe, expect, it } from '@jest/globals';
import {
  ConnectionContext,
  expectedIdentity,
  SocketAddress,
  tcpTransport,
  type ContextKey,
  type Transport,
} from '@pea2pea/core';
import { tlsServerName, tlsSession, type TlsOptions } from '@pea2pea/tls';
import { fingerprintOf, selfSigned } from '@pea2pea/testing/certificates';
import { mine, party, trusted, until, type Party } from './tls-lab.js';

const { ca } = trusted;
const A_LABELS = 'xn--bcher-kva.example';
const NAME = 'bücher.example';
const NOT_LISTENING = { listen: undefined as never };
const named = await trusted.issue({ commonName: 'books', names: [A_LABELS] });

/** TCP, but every name is this machine. */
function everythingHere(): Transport {
  const tcp = tcpTransport();
  return {
    ...tcp,
    name: 'here',
    listen: (options, events) => tcp.listen(options, events),
    connect: (address, options) => tcp.connect(address, options),
    resolve: (address) => (address.isIp ? [address] : [new SocketAddress('127.0.0.1', address.port)]),
  };
}

const dialler = (tls: TlsOptions) =>
  party({ tls: { ca, ...tls }, config: { ...NOT_LISTENING, transport: everythingHere() } });

const valueOf = <T>(key: ContextKey<T>, value: T) => ({ context: new ConnectionContext().with(key, value) });

/** What the server was asked for. */
async function askedFor(server: Party, connected: Promise<unknown>): Promise<string | undefined> {
  const before = server.opened.length;
  await connected;
  await until(() => server.opened.length > before);
  return server.opened[before]!.context.get(tlsSession)!.servername;
}

describe('an internationalized name', () => {
  it('that is dialled is sent and compared in A-labels', async () => {
    await using server = await party({ tls: named });
    await using client = await dialler({});
    const { port } = server.address;
    expect(await askedFor(server, client.node.connect({ host: NAME, port }))).toBe(A_LABELS);
    await using other = await dialler({});
    expect(await askedFor(server, other.node.connect({ host: 'BÜCHER。example.', port }))).toBe(A_LABELS);
  });

  it('in the options is, too', async () => {
    await using server = await party({ tls: named });
    await using client = await dialler({ servername: NAME });
    expect(await askedFor(server, client.dial(server))).toBe(A_LABELS);
  });

  it('is for one dial where its context has it, whatever the options say', async () => {
    await using server = await party({ tls: named });
    await using client = await dialler({ servername: 'else.example' });
    const options = valueOf(tlsServerName, NAME);
    expect(await askedFor(server, client.node.connect(server.address, options))).toBe(A_LABELS);
  });

  it('in `contexts` is found by its A-labels, also below an asterisk', async () => {
    const below = await trusted.issue({ commonName: 'below', names: [`*.${A_LABELS}`] });
    await using server = await party({ tls: { ...mine, contexts: { [NAME]: named, [`*.${NAME}`]: below } } });
    for (const [servername, subject] of [
      [NAME, 'CN=books'],
      [`a.${NAME}`, 'CN=below'],
    ] as const) {
      await using client = await dialler({ servername });
      const { context } = await client.dial(server);
      expect(context.get(tlsSession)!.peerCertificate!.subject).toBe(subject);
    }
  });

  it('must be that of the certificate', async () => {
    await using server = await party({ tls: named });
    await using client = await dialler({ servername: 'bucher.example' });
    await expect(client.dial(server)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
      message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    });
  });

  it.each([
    'ü/bücher.example',
    'ü:443',
    'a b.ü',
    '１２７.０.０.１',
    `${'ü'.repeat(63)}.example`,
    'ü'.concat('.example'.repeat(40)),
    'xn--ü.example',
    'ü..example',
    'ü@example',
  ])('must be one: %s is refused', async (name) => {
    await expect(party({ tls: { ...mine, servername: name } })).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
      message: expect.stringContaining('`servername` must be a host name'),
    });
    await using server = await party({ tls: mine });
    await using client = await dialler({});
    await expect(client.node.connect(server.address, valueOf(tlsServerName, name))).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
      message: expect.stringContaining('`tlsServerName` must be a host name'),
    });
  });
});

describe('an IPv6 address', () => {
  const dial = (client: Party, { port }: SocketAddress) => client.node.connect({ host: '::1', port });
  const at6 = { listen: { host: '::1', port: 0 } };

  it('is compared with those in the certificate', async () => {
    const pair = await trusted.issue({ names: ['::1'] });
    await using server = await party({ tls: pair, config: at6 });
    await using client = await dialler({});
    expect((await dial(client, server.address)).context.get(tlsSession)!.authorized).toBe(true);
  });

  it.each([[['::2', '127.0.0.1']], [['localhost']]])('is not that of a certificate for %p', async (names) => {
    await using server = await party({ tls: await trusted.issue({ names }), config: at6 });
    await using client = await dialler({});
    await expect(dial(client, server.address)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
      message: expect.stringContaining('is not for the IP address ::1'),
    });
  });
});

describe('the identity of a peer with TLS', () => {
  it('is the fingerprint of its certificate, which a dial can expect, without an authority', async () => {
    const [bob, eve] = [await selfSigned(), await selfSigned()];
    await using server = await party({ tls: bob });
    await using client = await dialler({ rejectUnauthorized: false, ca: undefined as never });
    const expected = valueOf(expectedIdentity, fingerprintOf(bob));
    expect((await client.node.connect(server.address, expected)).identity).toBe(fingerprintOf(bob));
    await using impostor = await party({ tls: eve });
    await expect(client.node.connect(impostor.address, expected)).rejects.toMatchObject({
      code: 'P2P_ERR_WRONG_IDENTITY',
    });
  });

  it('is what `identity` returns, for both sides and for dials', async () => {
    const identity: TlsOptions['identity'] = ({ peerCertificate }) => peerCertificate?.subject;
    await using server = await party({ tls: { ...mine, ca, requestCert: true, identity } });
    await using client = await party({ tls: { ...named, ca, identity } });
    const connection = await client.node.connect(server.address, valueOf(expectedIdentity, 'CN=mine'));
    await until(() => server.opened.length === 1);
    expect([connection.identity, server.opened[0]!.identity]).toEqual(['CN=mine', 'CN=books']);
    await connection.disconnect();
    await expect(
      client.node.connect(server.address, valueOf(expectedIdentity, 'CN=books')),
    ).rejects.toMatchObject({
      code: 'P2P_ERR_WRONG_IDENTITY',
      what: 'the peer is CN=mine, and the dial expects CN=books',
    });
  });

  it.each([[() => 7], [() => Promise.resolve('x')]])(
    'must be a string: %s refuses the peer',
    async (identity) => {
      await using server = await party({ tls: mine });
      await using client = await dialler({ identity: identity as never });
      await expect(client.dial(server)).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
    },
  );
});
