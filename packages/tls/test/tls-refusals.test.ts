import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isNativeError } from 'node:util/types';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { PeerError } from '@pea2pea/core';
import { SocketAddress, type PeerErrorCode } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import type { TlsOptions } from '@pea2pea/tls';
import { authority, selfSigned } from '@pea2pea/testing/certificates';
import { peerErrorOf, until } from '@pea2pea/testing';
import { bareSocket, mine, party, plainNode, theirs, trusted, type Party } from './tls-lab.js';

const { ca } = trusted;
const NOT_LISTENING = { listen: undefined as never };
const DAY_MS = 24 * 60 * 60 * 1_000;

/** One line says that there is no connection, its slot is free, and the next dialler is served. */
async function expectRefused(server: Party, code: PeerErrorCode, text: string): Promise<void> {
  await until(() => server.refusals().length > 0 && server.node.connecting === 0);
  expect(server.refusals()).toEqual([
    expect.objectContaining({
      level: 'warn',
      text: 'no connection: the setup failed',
      fields: expect.objectContaining({
        code,
        err: expect.objectContaining({ message: expect.stringContaining(text) }),
      }),
    }),
  ]);
  expect([server.opened.length, server.node.connections.size]).toEqual([0, 0]);
}

async function expectServes(server: Party, options: TlsOptions): Promise<void> {
  await using guest = await party({ tls: options, config: NOT_LISTENING });
  const connection = await guest.dial(server);
  await connection.send('echo still there');
  await until(() => guest.messages.length === 1);
}

describe('the side that dials refuses', () => {
  it.each<[string, () => Promise<TlsOptions>, string]>([
    ['a self-signed certificate', () => selfSigned(), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [
      'one of another authority',
      async () => (await authority('another')).issue(),
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    [
      'one of an authority that has only the name of ours',
      async () => (await authority()).issue(),
      'CERT_SIGNATURE_FAILURE',
    ],
    [
      'one that has expired',
      () => trusted.issue({ notAfter: new Date(Date.now() - DAY_MS / 2) }),
      'CERT_HAS_EXPIRED',
    ],
    [
      'one of tomorrow',
      () => trusted.issue({ notBefore: new Date(Date.now() + DAY_MS / 2) }),
      'CERT_NOT_YET_VALID',
    ],
    ['one for another host', () => trusted.issue({ names: ['a.example'] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('%s, in one line; the other side sees it leave', async (_, make, openssl) => {
    await using server = await party({ tls: await make() });
    await using client = await party({ tls: { ca }, config: NOT_LISTENING });
    const error = await peerErrorOf('P2P_ERR_HANDSHAKE_REJECTED', () => client.dial(server));
    expect(error.message).toContain(openssl);
    expect(error.cause).toMatchObject({ code: openssl });
    expect(client.refusals()).toHaveLength(1);
    expect(client.node.connecting).toBe(0);
    await expectRefused(server, 'P2P_ERR_HANDSHAKE_ENDED', 'closed the connection during the TLS handshake');
    await expectServes(server, { ca, rejectUnauthorized: false });
  });
});

describe('the side that is dialled refuses', () => {
  const strict = { ...mine, ca, requestCert: true } satisfies TlsOptions;
  const cases: [string, () => Promise<TlsOptions>, string][] = [
    ['who shows no certificate', () => Promise.resolve({ ca }), 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'],
    ['a self-signed one', async () => ({ ca, ...(await selfSigned()) }), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [
      'one of another authority',
      async () => ({ ca, ...(await (await authority('another')).issue()) }),
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    [
      'one that has expired',
      async () => ({ ca, ...(await trusted.issue({ notAfter: new Date(Date.now() - DAY_MS / 2) })) }),
      'CERT_HAS_EXPIRED',
    ],
  ];

  it.each(cases)(
    '%s, in TLS 1.3 after the dialler is done: its connection ends at once',
    async (_, make, openssl) => {
      await using server = await party({ tls: strict });
      await using client = await party({ tls: await make(), config: NOT_LISTENING });
      const connection = await client.dial(server);
      const reason = await connection.closed;
      // An alert, a reset or an end: what Node.js sends, and what of it arrives.
      expect(reason).toMatchObject({
        origin: 'reading',
        cause: expect.stringMatching(/^(ended|stream-error)$/),
      });
      await expectRefused(server, 'P2P_ERR_HANDSHAKE_REJECTED', openssl);
      await expectServes(server, { ca, ...theirs });
    },
  );

  it.each(cases)('%s, in TLS 1.2 before anybody is done: the dial rejects', async (_, make, openssl) => {
    await using server = await party({ tls: { ...strict, minVersion: 'TLSv1.2' } });
    const client = await party({
      tls: { ...(await make()), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      config: NOT_LISTENING,
    });
    await using _client = client;
    const error = await client.dial(server).catch((thrown: unknown) => thrown as PeerError);
    expect((error as PeerError).code).toMatch(/^P2P_ERR_HANDSHAKE_(ENDED|FAILED)$/);
    expect(client.refusals()).toHaveLength(1);
    await expectRefused(server, 'P2P_ERR_HANDSHAKE_REJECTED', openssl);
  });

  it('a certificate that its authority has revoked: one list for each authority', async () => {
    await using server = await party({ tls: { ...strict, crl: await trusted.revoke(theirs) } });
    await using revoked = await party({ tls: { ca, ...theirs }, config: NOT_LISTENING });
    await (
      await revoked.dial(server)
    ).closed;
    await expectRefused(server, 'P2P_ERR_HANDSHAKE_REJECTED', 'CERT_REVOKED');
    await expectServes(server, { ca, ...(await trusted.issue()) });
  });
});

describe('both sides refuse', () => {
  it.each<[string, TlsOptions, TlsOptions, string, string]>([
    [
      'a version that is too old',
      { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      {},
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'ERR_SSL_UNSUPPORTED_PROTOCOL',
    ],
    [
      'to speak without a protocol in common',
      { ALPNProtocols: ['here/1'] },
      { ALPNProtocols: ['there/1'] },
      'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
      'ERR_SSL_NO_APPLICATION_PROTOCOL',
    ],
    [
      'to speak without a cipher in common',
      { ciphers: 'TLS_AES_128_GCM_SHA256' },
      { ciphers: 'TLS_AES_256_GCM_SHA384' },
      '_ALERT_HANDSHAKE_FAILURE',
      'ERR_SSL_NO_SHARED_CIPHER',
    ],
  ])('%s', async (_, dialling, dialled, alert, why) => {
    await using server = await party({ tls: { ...mine, ...dialled } });
    await using client = await party({ tls: { ca, ...dialling }, config: NOT_LISTENING });
    const error = await peerErrorOf('P2P_ERR_HANDSHAKE_FAILED', () => client.dial(server));
    expect(error.message).toContain(alert);
    expect(client.refusals()).toHaveLength(1);
    await expectRefused(server, 'P2P_ERR_HANDSHAKE_REJECTED', why);
    await expectServes(server, { ca, ...dialled });
  });

  it('who takes no part in ALPN, where it is used', async () => {
    const speaks = { ALPNProtocols: ['chat/1'] };
    await using strict = await party({ tls: { ...mine, ...speaks } });
    await using lax = await party({ tls: mine });
    await using client = await party({ tls: { ca, ...speaks }, config: NOT_LISTENING });
    await using silent = await party({ tls: { ca }, config: NOT_LISTENING });
    expect((await peerErrorOf('P2P_ERR_HANDSHAKE_REJECTED', () => client.dial(lax))).message).toContain(
      'chat/1',
    );
    await (
      await silent.dial(strict)
    ).closed;
    await expectRefused(strict, 'P2P_ERR_HANDSHAKE_REJECTED', 'chat/1');
    await expectServes(strict, { ca, ...speaks });
  });
});

describe('no TLS', () => {
  it('from those who dial is refused: lines, HTTP, noise', async () => {
    for (const [text, openssl] of [
      ['hello, is this the lines port?\n', 'ERR_SSL_WRONG_VERSION_NUMBER'],
      ['GET / HTTP/1.1\r\nhost: a.example\r\n\r\n', 'ERR_SSL_HTTP_REQUEST'],
      ['\x16\x03\x01\x00\x04\x01\x00\x00\x00', 'ERR_SSL_'], // a ClientHello of no length
    ] as const) {
      await using server = await party({ tls: mine });
      const { socket } = await bareSocket(server.address);
      socket.write(text, 'latin1');
      await expectRefused(server, 'P2P_ERR_HANDSHAKE_REJECTED', openssl);
      await until(() => socket.closed);
      await expectServes(server, { ca });
    }
  });

  it('from whom we dial is refused, and a port for lines refuses TLS', async () => {
    await using lines = await party({ tls: undefined });
    await using client = await party({ tls: { ca }, config: NOT_LISTENING });
    await peerErrorOf('P2P_ERR_HANDSHAKE_ENDED', () => client.dial(lines));
    expect(client.refusals()).toHaveLength(1);
    await until(() => lines.reasons.length === 1);
    expect(lines.reasons[0]).toMatchObject({
      cause: 'invalid-frame',
      error: { code: 'P2P_ERR_INVALID_FRAME' },
    });
    await using plain = plainNode();
    const connection = await plain.connect(lines.address);
    await connection.send('echo hi');
    await until(() => lines.messages.length === 1);

    await using chatty = await listeningSocket((socket) => socket.write('220 welcome to the lines port\r\n'));
    const error = await peerErrorOf('P2P_ERR_HANDSHAKE_REJECTED', () => client.node.connect(chatty.address));
    expect(error.message).toContain('ERR_SSL_WRONG_VERSION_NUMBER');
  });
});

describe('a peer that stops in the middle', () => {
  it('of dialling us is refused when the time is over', async () => {
    const clock = new ControlledClock();
    await using server = await party({ tls: mine, config: { clock, handshakeTimeoutMs: 3_000 } });
    const { socket } = await bareSocket(server.address);
    const hello = await clientHello();
    socket.write(hello.subarray(0, hello.length / 2));
    await until(() => server.node.connecting === 1);
    clock.advance(2_999);
    expect(server.refusals()).toHaveLength(0);
    clock.advance(1);
    await expectRefused(server, 'P2P_ERR_HANDSHAKE_TIMEOUT', '3000 ms');
    await until(() => socket.closed);
    await expectServes(server, { ca });
  });

  it('of being dialled is given up when the time is over', async () => {
    const clock = new ControlledClock();
    await using client = await party({ tls: { ca }, config: { ...NOT_LISTENING, clock } });
    await using silent = await listeningSocket((socket) => socket.resume());
    const dial = client.node.connect(silent.address);
    await until(() => client.node.connecting === 1 && silent.sockets.length === 1);
    await until(() => silent.sockets[0]!.bytesRead > 0);
    clock.advance(3_000);
    await peerErrorOf('P2P_ERR_HANDSHAKE_TIMEOUT', () => dial);
    expect([client.node.connecting, client.refusals().length]).toEqual([0, 1]);
    await until(() => silent.sockets[0]!.readableEnded);
  });

  it.each(['FIN', 'RST'])('and leaves (%s) is not waited for', async (how) => {
    await using server = await party({ tls: mine, config: { clock: new ControlledClock() } });
    const { socket } = await bareSocket(server.address);
    const hello = await clientHello();
    socket.write(hello.subarray(0, hello.length / 2));
    await until(() => server.node.connecting === 1);
    await until(() => socket.writableLength === 0);
    if (how === 'FIN') socket.end();
    else socket.resetAndDestroy();
    await expectRefused(server, 'P2P_ERR_HANDSHAKE_ENDED', 'closed the connection during the TLS handshake');
    await expectServes(server, { ca });
  });
});

describe('on an open connection', () => {
  it('a record that was tampered with ends it with invalid-frame, and the other side hears of it', async () => {
    const clock = new ControlledClock(); // time stands still: no deadline ends it
    await using server = await party({ tls: mine, config: { clock } });
    await using client = await party({ tls: { ca }, config: { ...NOT_LISTENING, clock } });
    await using line = await wireTap(server.address);
    const connection = await client.node.connect(line.address);
    await connection.send('echo sound');
    await until(() => client.messages.length === 1);
    line.tamper();
    await connection.send('echo tampered with');
    await until(() => server.reasons.length === 1 && client.reasons.length === 1);
    await until(() => server.node.connections.size + client.node.connections.size === 0);
    expect(server.reasons[0]).toMatchObject({
      origin: 'reading',
      cause: 'invalid-frame',
      error: { code: 'P2P_ERR_INVALID_FRAME' },
    });
    expect(server.messages).toEqual(['echo sound']);
    expect(server.refusals()).toHaveLength(1);
    expect(server.refusals()[0]!.fields).toMatchObject({ code: 'P2P_ERR_INVALID_FRAME' });
    expect(client.reasons[0]).toMatchObject({ origin: 'reading', cause: 'stream-error' });
    expect(String((client.reasons[0] as { error?: unknown }).error)).toMatch(/BAD_RECORD_MAC|reset/i);
  });

  it('a record that comes twice ends it with invalid-frame', async () => {
    await using server = await party({ tls: mine });
    await using client = await party({ tls: { ca }, config: NOT_LISTENING });
    await using line = await wireTap(server.address);
    const connection = await client.node.connect(line.address);
    line.repeat();
    await connection.send('pay 5');
    await until(() => server.reasons.length === 1);
    expect(server.messages).toEqual(['pay 5']);
    expect(server.reasons[0]).toMatchObject({ origin: 'reading', cause: 'invalid-frame' });
  });

  it('plain text in the middle ends it with invalid-frame', async () => {
    await using server = await party({ tls: mine });
    await using client = await party({ tls: { ca }, config: NOT_LISTENING });
    await using line = await wireTap(server.address);
    await client.node.connect(line.address);
    await until(() => server.opened.length === 1);
    line.inject('echo me\n');
    await until(() => server.reasons.length === 1);
    expect(server.reasons[0]).toMatchObject({ origin: 'reading', cause: 'invalid-frame' });
  });

  it('what goes wrong while the handshake hook still decides is not lost', async () => {
    let decide: (() => void) | undefined;
    await using server = await party({
      tls: { ...mine, authorize: () => new Promise((resolve) => (decide = () => resolve(true))) },
    });
    await using line = await wireTap(server.address);
    const socket = connectTls({ host: line.address.host, port: line.address.port, ca });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    await until(() => decide !== undefined);
    line.inject('echo me\n');
    // Its answer to the record is an alert: it has seen it.
    await until(() => socket.destroyed);
    decide!();
    await until(() => server.reasons.length === 1);
    expect(server.reasons[0]).toMatchObject({ origin: 'reading', cause: 'invalid-frame' });
  });

  it('a peer that is cut off without close_notify has ended; in the middle of a message, with invalid-frame', async () => {
    await using server = await party({ tls: mine });
    for (const [text, reason] of [
      ['whole\n', { cause: 'ended' }],
      ['whole\nhal', { cause: 'invalid-frame', error: { code: 'P2P_ERR_TRUNCATED_FRAME' } }],
    ] as const) {
      await using line = await wireTap(server.address);
      const before = server.reasons.length;
      const socket = connectTls({ host: line.address.host, port: line.address.port, ca });
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      socket.write(text);
      await until(() => server.messages.length === before + 1);
      line.cut();
      await until(() => server.reasons.length === before + 1);
      expect(server.reasons[before]).toMatchObject({ origin: 'reading', ...reason });
      socket.destroy();
    }
  });

  it('a peer that does not read cannot hold up the end', async () => {
    const server = await party({ tls: mine, config: { closeTimeoutMs: 100 } });
    const { host, port } = server.address;
    const socket = connectTls({ host, port, ca });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.pause();
    await until(() => server.opened.length === 1);
    const [connection] = server.opened;
    let [sent, still] = [0, 0];
    await until(() => {
      while (connection!.trySend('x'.repeat(100_000)));
      still = connection!.stats.bytesSent === sent ? still + 1 : 0;
      sent = connection!.stats.bytesSent;
      return still === 1_000; // turns in which nothing moved: the system has taken what it takes
    });
    const { cut } = await server.handle.close();
    expect(cut).toEqual([expect.objectContaining({ what: 'flush' })]);
    socket.destroy();
  });

  it('renegotiation (TLS 1.2) is not granted, and costs nothing', async () => {
    await using server = await party({ tls: { ...mine, minVersion: 'TLSv1.2' } });
    const { host, port } = server.address;
    const socket = connectTls({ host, port, ca, maxVersion: 'TLSv1.2' });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    const refused = new Promise<unknown>((resolve) => {
      socket.renegotiate({}, resolve);
      socket.once('error', resolve).once('close', () => resolve(new Error('closed')));
    });
    expect(isNativeError(await refused)).toBe(true);
    socket.destroy();
    await until(() => server.node.connections.size === 0);
    await expectServes(server, { ca });
  });
});

const open: (Server | Socket)[] = [];

afterEach(() => {
  for (const one of open.splice(0)) {
    if ('destroy' in one) one.destroy();
    else one.close();
  }
});

/** A bare server that does `greet` to each socket. */
async function listeningSocket(greet: (socket: Socket) => void) {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    open.push(socket);
    greet(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: new SocketAddress('127.0.0.1', (server.address() as AddressInfo).port),
    sockets,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Somebody on the line to `target`, who may change what those who dial it say. */
async function wireTap(target: SocketAddress) {
  let change = (chunk: Buffer): Buffer => chunk;
  const uplinks: Socket[] = [];
  const tap = await listeningSocket((socket) => {
    const uplink = connect({ host: target.host, port: target.port, allowHalfOpen: true });
    uplink.on('error', () => socket.destroy());
    uplinks.push(uplink);
    open.push(uplink);
    socket.on('data', (chunk: Buffer) => uplink.write(change(chunk)));
    socket.on('end', () => uplink.end());
    uplink.pipe(socket);
  });
  const nextChunk = (how: (chunk: Buffer) => Buffer) => () => {
    change = (chunk) => {
      change = (later) => later;
      return how(chunk);
    };
  };
  return {
    ...tap,
    /** Flips a bit of what comes next. */
    tamper: nextChunk((chunk) =>
      Buffer.from(chunk.map((byte, index) => (index === chunk.length - 1 ? byte ^ 1 : byte))),
    ),
    repeat: nextChunk((chunk) => Buffer.concat([chunk, chunk])),
    inject: (text: string) => void uplinks[0]!.write(text),
    /** Ends TCP, and TLS is not told. */
    cut: () => void uplinks[0]!.end(),
  };
}

/** What a TLS client says first. */
async function clientHello(): Promise<Buffer> {
  await using server = await listeningSocket(() => {});
  const client = connectTls({ host: '127.0.0.1', port: server.address.port });
  client.on('error', () => {});
  await until(() => server.sockets.length === 1);
  const [chunk] = (await once(server.sockets[0]!, 'data')) as [Buffer];
  client.destroy();
  return chunk;
}
