import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { memoryTransport, peerIdentity, PeerNode, type Handshake } from '@pea2pea/core';
import { ControlledClock, seededRandom } from '@pea2pea/core/testing';
import { OnHandshake, Plugin } from '@pea2pea/decorators';
import { TlsContext, tlsHandshake, tlsSession, type TlsOptions } from '@pea2pea/tls';
import { uniquePeer, UniquePeer } from '@pea2pea/policies';
import { authority, fingerprintOf, selfSigned } from '@pea2pea/testing/certificates';
import { hostileValues, lab, peerErrorOf, textCodec, until } from '@pea2pea/testing';
import { mine, party, theirs, trusted, type Party } from './tls-lab.js';

const { own } = lab();

const { ca } = trusted;
const mutual = { ca, requestCert: true } satisfies TlsOptions;

const subjectOf = (certificate: X509Certificate | undefined) => certificate?.subject;

/** `from` dials `to`: what each side knows of the session. */
async function sessions(from: Party, to: Party, host = '127.0.0.1') {
  const before = to.opened.length;
  const connection = await from.node.connect({ host, port: to.address.port });
  await until(() => to.opened.length > before);
  const accepted = to.opened[before]!;
  return {
    connection,
    accepted,
    dialled: connection.context.get(tlsSession)!,
    answered: accepted.context.get(tlsSession)!,
  };
}

describe('a connection', () => {
  it.each(['TCP', 'a transport that has no sockets'])(
    'is encrypted and authenticated both ways over %s',
    async (kind) => {
      const config = kind === 'TCP' ? {} : { transport: memoryTransport() };
      await using a = await party({ tls: { ...mine, ...mutual }, config });
      await using b = await party({ tls: { ...theirs, ...mutual }, config });
      const { connection, accepted, dialled, answered } = await sessions(a, b);
      expect(dialled).toMatchObject({ protocol: 'TLSv1.3', authorized: true, authorizationError: undefined });
      expect(answered).toMatchObject({ protocol: 'TLSv1.3', cipher: dialled.cipher, authorized: true });
      expect(dialled.cipher).toMatch(/^TLS_/);
      expect([subjectOf(dialled.peerCertificate), subjectOf(answered.peerCertificate)]).toEqual([
        'CN=theirs',
        'CN=mine',
      ]);
      expect(connection.identity).toBe(fingerprintOf(theirs));
      expect(accepted.identity).toBe(fingerprintOf(mine));
      await connection.send('echo there');
      await accepted.send('echo back');
      await until(() => a.messages.length === 2 && b.messages.length === 2);
      expect(a.messages.sort()).toEqual(['ECHO THERE', 'echo back']);
      expect(b.messages.sort()).toEqual(['ECHO BACK', 'echo there']);
      await connection.disconnect();
      await until(() => b.node.connections.size === 0);
      expect(b.reasons).toEqual([{ origin: 'reading', cause: 'ended' }]);
      expect([a.refusals(), b.refusals()]).toEqual([[], []]);
    },
  );

  it('of a dialler without a certificate is encrypted, and has no identity', async () => {
    await using a = await party({ tls: { ca }, config: { listen: undefined as never } });
    await using b = await party({ tls: theirs });
    const { accepted, answered } = await sessions(a, b);
    expect(answered).toMatchObject({
      authorized: false,
      peerCertificate: undefined,
      authorizationError: undefined,
    });
    expect(accepted.identity !== undefined).toBe(false);
  });

  it('is TLS 1.2 where that is all that both sides may speak', async () => {
    const version = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
    await using a = await party({ tls: { ...mine, ...mutual, ...version } });
    await using b = await party({ tls: { ...theirs, ...mutual, ...version } });
    const { dialled, answered } = await sessions(a, b);
    expect([dialled.protocol, dialled.authorized, answered.authorized]).toEqual(['TLSv1.2', true, true]);
  });

  it('can say last words after the peer has ended', async () => {
    await using a = await party({ tls: { ca }, config: { listen: undefined as never } });
    await using b = await party({
      tls: theirs,
      onDisconnect: (connection) => void connection.trySend('farewell'),
    });
    const last: string[] = [];
    const { connection } = await sessions(a, b);
    const { stream } = connection as unknown as { stream: NodeJS.ReadWriteStream };
    stream.on('data', (chunk: Buffer) => void last.push(String(chunk)));
    stream.end(); // close_notify, and no more: the other way is open
    await until(() => last.join('') === 'farewell\n');
    expect(b.reasons).toEqual([{ origin: 'reading', cause: 'ended' }]);
  });

  it.each([
    ['over TCP', 8_000],
    ['in memory', 2_000],
  ] as const)(
    'carries what is sent through many slabs as it was, both ways at once, %s',
    async (kind, count) => {
      const config = kind === 'over TCP' ? {} : { transport: memoryTransport() };
      await using a = await party({ tls: { ...mine, ...mutual }, config });
      await using b = await party({ tls: { ...theirs, ...mutual }, config });
      const { connection, accepted } = await sessions(a, b);
      const random = seededRandom(23);
      const alphabet = 'abcdefghijklmnopqrstuvwxyz';
      // Small ones, which share slabs, and some that go by reference. No two are alike.
      const texts = Array.from({ length: count }, (_, index) => {
        const size = Math.floor(random.next() < 0.02 ? random.next() * 90_000 : random.next() * 1_500);
        return `${index} ${alphabet[Math.floor(random.next() * 26)]!.repeat(size)} ${index}`;
      });
      const sendAll = async (to: typeof connection): Promise<void> => {
        for (const text of texts) while (!to.trySend(text)) await to.drained();
      };
      await Promise.all([sendAll(connection), sendAll(accepted)]);
      await until(() => a.messages.length === count && b.messages.length === count);
      expect(a.messages.findIndex((text, index) => text !== texts[index])).toBe(-1);
      expect(b.messages.findIndex((text, index) => text !== texts[index])).toBe(-1);
    },
  );

  it('is never written to in the middle of a trySend where the peer is in the same process', async () => {
    const config = { transport: memoryTransport() };
    await using a = await party({ tls: { ca }, config: { ...config, listen: undefined as never } });
    await using b = await party({ tls: theirs, config });
    const { connection } = await sessions(a, b);
    await connection.send('hello');
    await until(() => b.messages.length === 1);
    for (let count = 0; count < 1_000; count++) connection.trySend('x'.repeat(500));
    expect(b.messages.length).toBe(1);
    await until(() => b.messages.length === 1_001);
  });
});

describe('server names', () => {
  it('choose among the certificates of the side that is dialled, with a wildcard and a default', async () => {
    const named = async (commonName: string, name: string) => trusted.issue({ commonName, names: [name] });
    const contexts = {
      'one.example.org': await named('one', 'one.example.org'),
      '*.many.example.org': await named('many', '*.many.example.org'),
    };
    await using server = await party({
      tls: { ...(await trusted.issue({ commonName: 'default', names: ['other.example.org'] })), contexts },
    });
    for (const [servername, subject] of [
      ['one.example.org', 'CN=one'],
      ['a.many.example.org', 'CN=many'],
      ['other.example.org', 'CN=default'],
    ] as const) {
      await using client = await party({ tls: { ca, servername }, config: { listen: undefined as never } });
      const { dialled, answered } = await sessions(client, server);
      expect([subjectOf(dialled.peerCertificate), answered.servername]).toEqual([subject, servername]);
    }
  });

  it('are what was dialled: a name is sent and compared, an IP address only compared', async () => {
    await using client = await party({ tls: { ca }, config: { listen: undefined as never } });
    await using both = await party({ tls: theirs, config: { listen: { host: 'localhost', port: 0 } } });
    expect((await sessions(client, both, 'localhost')).answered.servername).toBe('localhost');
    await using byAddress = await party({ tls: await trusted.issue({ names: ['127.0.0.1'] }) });
    const { connection, answered } = await sessions(client, byAddress);
    expect(answered.servername).toBeUndefined();
    await connection.disconnect();
    // The address that a name stands for proves nothing about the name.
    const dial = () => client.node.connect({ host: 'localhost', port: byAddress.address.port });
    expect((await peerErrorOf('P2P_ERR_HANDSHAKE_REJECTED', dial)).message).toContain(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
  });
});

describe('ALPN', () => {
  it('settles on what the dialled side likes best', async () => {
    await using a = await party({
      tls: { ca, ALPNProtocols: ['old/1', 'new/2'] },
      config: { listen: undefined as never },
    });
    await using b = await party({ tls: { ...theirs, ALPNProtocols: ['new/2', 'old/1'] } });
    const { dialled, answered } = await sessions(a, b);
    expect([dialled.alpnProtocol, answered.alpnProtocol]).toEqual(['new/2', 'new/2']);
  });
});

describe('authorize', () => {
  it('may refuse who has a certificate that is fine', async () => {
    const seen: (string | undefined)[] = [];
    await using a = await party({ tls: { ...mine, ...mutual } });
    await using b = await party({
      tls: {
        ...theirs,
        ...mutual,
        authorize: async ({ peerCertificate }, { direction }) => {
          await Promise.resolve();
          seen.push(`${direction} ${subjectOf(peerCertificate)}`);
          return false;
        },
      },
    });
    const connection = await a.dial(b);
    await connection.closed;
    await until(() => b.refusals().length === 1);
    expect(seen).toEqual(['inbound CN=mine']);
    expect(b.refusals()[0]!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_REJECTED' });
    expect(b.opened).toHaveLength(0);
  });

  it('may vouch for certificates that no authority knows: they are pinned, and identities', async () => {
    const [ann, bob, eve] = [await selfSigned(), await selfSigned(), await selfSigned()];
    const pinned = new Set([ann, bob].map(fingerprintOf));
    const options = (own: typeof ann): TlsOptions => ({
      ...own,
      requestCert: true,
      rejectUnauthorized: false,
      authorize: ({ peerCertificate }) => pinned.has(peerCertificate?.fingerprint256 ?? ''),
    });
    await using a = await party({ tls: options(ann) });
    await using b = await party({ tls: options(bob) });
    await using e = await party({ tls: options(eve) });
    const { connection, dialled } = await sessions(a, b);
    expect(dialled).toMatchObject({ authorized: false, authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(connection.identity).toBe(fingerprintOf(bob));
    await peerErrorOf('P2P_ERR_HANDSHAKE_REJECTED', () => a.dial(e));
  });

  it.each([undefined, null, 0, 1, 'true', {}, false])('that answers %p lets nobody in', async (answer) => {
    const known = new Map<string, boolean>();
    const look = () => known.get('who is not there') ?? (answer as boolean);
    const pinning = { requestCert: true, rejectUnauthorized: false, authorize: look } satisfies TlsOptions;
    await using server = await party({ tls: { ...mine, ...pinning } });
    await using trusting = await party({
      tls: { ...mine, ...mutual, authorize: () => Promise.resolve(look()) },
    });
    for (const [own, to] of [
      [{}, server],
      [await selfSigned(), server],
      [theirs, trusting],
    ] as const) {
      await using guest = await party({ tls: { ca, ...own }, config: { listen: undefined as never } });
      const before = to.refusals().length;
      await (
        await guest.dial(to)
      ).closed;
      await until(() => to.refusals().length === before + 1);
      expect(to.refusals()[before]!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_REJECTED' });
      expect(to.opened).toEqual([]);
    }
  });

  it('left out lets an unauthorized peer in where those are let in, without an identity', async () => {
    await using a = await party({ tls: { ...mine, rejectUnauthorized: false } });
    await using b = await party({ tls: await selfSigned() });
    const { connection, dialled } = await sessions(a, b);
    expect(dialled.authorized).toBe(false);
    expect(connection.identity !== undefined).toBe(false);
  });

  it('and checkServerIdentity that throw refuse, and nothing else happens', async () => {
    const broken = (): never => {
      throw new Error('no idea');
    };
    await using b = await party({ tls: theirs });
    for (const [options, code] of [
      [{ checkServerIdentity: broken }, 'P2P_ERR_HANDSHAKE_REJECTED'],
      [{ authorize: broken }, 'P2P_ERR_HANDSHAKE_FAILED'],
    ] as const) {
      await using a = await party({ tls: { ca, ...options }, config: { listen: undefined as never } });
      expect((await peerErrorOf(code, () => a.dial(b))).message).toContain('no idea');
      expect(a.node.connecting).toBe(0);
    }
  });
});

describe('checkServerIdentity', () => {
  it.each<[string, () => unknown]>([
    ['a promise that rejects', () => Promise.reject(new Error('not him'))],
    ['a promise of nothing', () => Promise.resolve()],
    [
      'what has a `then` that throws',
      () => ({
        then() {
          throw new Error('not him');
        },
      }),
    ],
    ['a text', () => 'not him'],
    ['true', () => true],
    ['false', () => false],
    ['null', () => null],
  ])('that answers %s refuses', async (_, answer) => {
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    await using b = await party({ tls: theirs });
    const checkServerIdentity = answer as () => undefined;
    await using a = await party({ tls: { ca, checkServerIdentity }, config: { listen: undefined as never } });
    const error = await peerErrorOf('P2P_ERR_HANDSHAKE_REJECTED', () => a.dial(b));
    expect(error.message).toContain('`checkServerIdentity`');
    await until(() => b.refusals().length === 1);
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });

  it.each(['returns', 'throws'])('that %s what is only harmless as data ends no process', async (way) => {
    await using b = await party({ tls: theirs });
    for (const [, make] of hostileValues()) {
      const { value } = make();
      if (value === undefined) continue;
      const checkServerIdentity = (): undefined => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error
        if (way === 'throws') throw value;
        return value as never;
      };
      await using a = await party({
        tls: { ca, checkServerIdentity },
        config: { listen: undefined as never },
      });
      await peerErrorOf('P2P_ERR_HANDSHAKE_REJECTED', () => a.dial(b));
      expect(a.node.connecting).toBe(0);
    }
  });
});

describe('the identity', () => {
  it('is one for uniquePeer: two that dial each other keep one connection', async () => {
    const plugins = (own: typeof mine) => [
      uniquePeer({ identity: peerIdentity, localIdentity: fingerprintOf(own) }),
    ];
    await using a = await party({ tls: { ...mine, ...mutual }, plugins: plugins(mine) });
    await using b = await party({ tls: { ...theirs, ...mutual }, plugins: plugins(theirs) });
    await Promise.all([a.dial(b), b.dial(a)]);
    await until(() => a.node.connections.size === 1 && b.node.connections.size === 1);
    expect(a.handle.get(UniquePeer)).toMatchObject({ size: 1, unidentified: 0 });
    expect(a.handle.get(UniquePeer).get(fingerprintOf(theirs))).toBe([...a.node.connections][0]);
    expect(b.handle.get(UniquePeer).get(fingerprintOf(mine))).toBe([...b.node.connections][0]);
  });
});

describe('in a handshake of your own', () => {
  it('bytes that arrived before TLS began belong to it', async () => {
    @Plugin()
    class StartTls {
      @OnHandshake()
      async start(handshake: Handshake) {
        if (handshake.direction === 'outbound') await handshake.write('STARTTLS\n');
        // The first bytes of TLS come with the line, and are received here.
        else expect(String(await handshake.readUntil('\n', 16))).toBe('STARTTLS');
      }
    }
    for (const config of [{}, { transport: memoryTransport() }]) {
      await using a = await party({
        tls: { ca },
        before: [StartTls],
        config: { ...config, listen: undefined as never },
      });
      await using b = await party({ tls: theirs, before: [StartTls], config });
      const { connection } = await sessions(a, b);
      await connection.send('echo hidden');
      await until(() => a.messages.length === 1);
    }
  });

  it('tlsHandshake is refused options in place of a TlsContext', async () => {
    const errors: unknown[] = [];
    await using server = new PeerNode<string>({ codec: textCodec() }).use({
      onHandshake: async (handshake) => {
        await tlsHandshake(handshake, theirs as never).catch((error: unknown) => errors.push(error));
      },
    });
    await using client = new PeerNode<string>({ codec: textCodec() });
    await client.connect(await server.listen({ host: '127.0.0.1', port: 0 }));
    await until(() => errors.length === 1);
    expect(errors[0]).toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
    expect(String(errors[0])).toMatch('`context` must be a TlsContext, not an object');
  });

  it('tlsHandshake returns the session, and the handshake goes on inside', async () => {
    const secrets: string[] = [];
    const make = (options: TlsOptions): PeerNode<string> => {
      const secured = new TlsContext(options);
      return own(new PeerNode<string>({ codec: textCodec() })).use({
        async onHandshake(handshake) {
          const { protocol } = await tlsHandshake(handshake, secured);
          await handshake.write(`${protocol}\n`);
          secrets.push(String(await handshake.readUntil('\n', 16)));
        },
      });
    };
    await using server = make(theirs);
    await using client = make({ ca });
    await client.connect(await server.listen({ host: '127.0.0.1', port: 0 }));
    await until(() => secrets.length === 2);
    expect(secrets).toEqual(['TLSv1.3', 'TLSv1.3']);
  });
});

describe('certificates that are renewed', () => {
  it('are shown to those who come later, while connections live on', async () => {
    const [first, second] = [
      await trusted.issue({ commonName: 'first' }),
      await trusted.issue({ commonName: 'second' }),
    ];
    await using a = await party({ tls: { ca }, config: { listen: undefined as never } });
    await using b = await party({ tls: { ...first, ca, requestCert: false } });
    const before = await sessions(a, b);
    b.plugin.setSecureContext(second);
    await before.connection.send('echo old');
    await until(() => a.messages.length === 1);
    await before.connection.disconnect();
    const after = await sessions(a, b);
    expect([before, after].map(({ dialled }) => subjectOf(dialled.peerCertificate))).toEqual([
      'CN=first',
      'CN=second',
    ]);
  });

  it('keep the authorities, also of the side that dials, unless they are replaced, too', async () => {
    const other = await authority('other');
    await using a = await party({ tls: { ...mine, ...mutual } });
    await using b = await party({ tls: { ...theirs, ...mutual } });
    a.plugin.setSecureContext(await trusted.issue({ commonName: 'renewed' }));
    const { answered, connection } = await sessions(a, b);
    expect(subjectOf(answered.peerCertificate)).toBe('CN=renewed');
    await connection.disconnect();
    b.plugin.setSecureContext({ ca: other.ca });
    await (
      await a.dial(b)
    ).closed;
    await until(() => b.refusals().length === 1);
    expect(b.opened).toHaveLength(1);
  });

  it('that cannot be loaded leave the old ones in place', async () => {
    await using a = await party({ tls: { ca }, config: { listen: undefined as never } });
    await using b = await party({ tls: theirs });
    const wrong = { key: mine.key, cert: theirs.cert };
    expect(
      (await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => b.plugin.setSecureContext(wrong))).message,
    ).toContain('`key`');
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => b.plugin.setSecureContext({ keys: 'x' } as never));
    expect(subjectOf((await sessions(a, b)).dialled.peerCertificate)).toBe('CN=theirs');
  });
});

describe('options that make no sense', () => {
  const garbage = '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n';
  const cases: Record<string, [Record<string, unknown>, string]> = {
    'a key of another certificate': [{ key: theirs.key, cert: mine.cert }, '`key`'],
    'a key that is none': [{ key: 'nonsense', cert: mine.cert }, '`key`'],
    'a certificate that is none': [{ key: mine.key, cert: garbage }, '`cert`'],
    'a certificate of another type': [{ key: mine.key, cert: 5 }, '`cert`'],
    'a certificate without a key': [{ cert: mine.cert }, '`key`'],
    'a key without a certificate': [{ key: mine.key }, '`cert`'],
    'no certificate to listen with': [{ ca }, '`cert`'],
    'authorities that are none': [{ ...mine, ca: 'nonsense' }, '`ca`'],
    'a list of authorities with one that is none': [{ ...mine, ca: [ca, garbage] }, '`ca`'],
    'a revocation list that is none': [{ ...mine, crl: 'nonsense' }, '`crl`'],
    'ciphers that do not exist': [{ ...mine, ciphers: 'nonsense' }, '`ciphers`'],
    'peers asked for certificates of web sites': [{ ...mine, requestCert: true }, '`ca`'],
    'a version that is not spoken any more': [{ ...mine, minVersion: 'TLSv1' }, '`minVersion`'],
    'versions the wrong way round': [
      { ...mine, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' },
      '`minVersion`',
    ],
    'an IP address for a server name': [{ ...mine, servername: '127.0.0.1' }, '`servername`'],
    'no protocol for ALPN': [{ ...mine, ALPNProtocols: [] }, '`ALPNProtocols`'],
    'a protocol of ALPN that is too long': [{ ...mine, ALPNProtocols: ['x'.repeat(256)] }, '`ALPNProtocols`'],
    'a truth that is none': [{ ...mine, requestCert: 'yes' }, '`requestCert`'],
    'a function that is none': [{ ...mine, authorize: true }, '`authorize`'],
    'a certificate by name without a key': [
      { ...mine, contexts: { 'a.example': { cert: mine.cert } } },
      '"a.example"',
    ],
    'a certificate by name that is none': [
      { ...mine, contexts: { 'a.example': { key: mine.key, cert: garbage } } },
      '"a.example"',
    ],
    'certificates by something that is no name': [{ ...mine, contexts: { '*': mine } }, '`contexts`'],
    'an option that nobody knows': [{ ...mine, rejectUnauthorised: false }, '`rejectUnauthorised`'],
  };
  it.each(Object.entries(cases))(
    '%s: refused when the peer is made, and named',
    async (_, [options, named]) => {
      const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => party({ tls: options }));
      expect(error.message).toContain(named);
      expect(error.message).not.toContain('PRIVATE');
    },
  );

  it('a peer that is dialled without a certificate to show refuses, and says what is missing', async () => {
    await using a = await party({
      tls: { ca },
      config: { listen: undefined as never, clock: new ControlledClock() },
    });
    await using b = await party({ tls: { ca }, config: { listen: undefined as never } });
    const address = await b.node.listen({ host: '127.0.0.1', port: 0 });
    await peerErrorOf('P2P_ERR_HANDSHAKE_ENDED', () => a.node.connect(address));
    await until(() => b.refusals().length === 1);
    expect(b.refusals()[0]!.fields).toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
  });
});
