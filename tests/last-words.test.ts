import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Duplex, duplexPair, PassThrough, Transform } from 'node:stream';
import { PeerError, type Connection, type Handshake } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { noiseHandshake } from '@pea2pea/noise';
import { TlsContext, tlsHandshake } from '@pea2pea/tls';
import { authority } from '@pea2pea/testing/certificates';
import { inMemory, join, lab, listen, never, rawConnect, soon, type TestNode, until } from '@pea2pea/testing';

const { makeNode } = lab();

const trusted = await authority();
const mine = await trusted.issue({ commonName: 'mine' });
const certified = new TlsContext({ ...mine, ca: trusted.ca });

/** As much as the system takes at once, with nothing left in the stream. */
const WORDS = 'w'.repeat(900_000);
/** What the peer sent and nobody read. */
const UNREAD = Buffer.from(`${'u'.repeat(999)}\n`.repeat(2_000));

/** A node that is busy with the first message for ever, so that what comes after it stays unread. */
function busyNode(config: Parameters<typeof makeNode>[0] = {}): TestNode {
  return makeNode({ outboundQueueBytes: 16 * 1024 * 1024, ...config }, { onMessage: never });
}

/** A raw peer of `a` that has sent more than `a` reads, and does not read yet itself. */
async function loudPeer(a: TestNode): Promise<[Socket, Connection<string>]> {
  const socket = await rawConnect(await listen(a));
  socket.pause();
  socket.write(UNREAD);
  await until('a has the connection', () => a.opened.length === 1);
  await until('a reads no more', () => a.node.stats.messagesReceived > 0);
  return [socket, a.opened[0]!];
}

/** Reads all that comes; the count, and how it ended. */
function listenTo(stream: Duplex): { bytes: number; end: string | undefined } {
  const heard: ReturnType<typeof listenTo> = { bytes: 0, end: undefined };
  stream.on('data', (chunk: Buffer) => void (heard.bytes += chunk.length));
  stream.once('end', () => void (heard.end ??= 'end'));
  stream.once('error', (error: NodeJS.ErrnoException) => void (heard.end ??= error.code));
  stream.resume();
  return heard;
}

/** Sends as fast as it goes, until the socket is gone. */
function flood(socket: Socket): void {
  const pump = (): void => {
    for (let sent = 0; sent < 64 && socket.write(UNREAD); sent++);
  };
  socket.on('drain', pump);
  pump();
}

describe('what send resolved for', () => {
  it.each<[string, (a: TestNode, connection: Connection<string>) => Promise<unknown>]>([
    ['disconnect', (_, connection) => connection.disconnect()],
    ['close', ({ node }) => node.close()],
  ])('arrives though the peer has sent what nobody read, with %s', async (_how, end) => {
    const a = busyNode();
    const [socket, connection] = await loudPeer(a);
    await connection.send(WORDS);
    const ended = end(a, connection);
    await until('it is ending', () => connection.state !== 'open');
    const heard = listenTo(socket);
    await until('the peer sees an end', () => heard.end !== undefined);
    expect(heard).toEqual({ bytes: WORDS.length + 1, end: 'end' });
    socket.end();
    await soon('the end', ended);
  });

  it.each<[string, string, (connection: Connection<string>) => Promise<void>, object]>([
    [
      'a bad frame',
      'go\n!\n',
      async (connection) => connection.send(WORDS),
      { origin: 'reading', cause: 'invalid-frame' },
    ],
    [
      'a handler that throws',
      'go\n',
      async (connection) => {
        await connection.send(WORDS);
        throw new Error('a bug');
      },
      { origin: 'reading', cause: 'handler-error' },
    ],
  ])('arrives after %s', async (_what, first, onMessage, reason) => {
    const a = makeNode(
      { outboundQueueBytes: 16 * 1024 * 1024 },
      { onMessage: (_, connection) => onMessage(connection) },
    );
    const socket = await rawConnect(await listen(a));
    socket.pause();
    socket.write(Buffer.concat([Buffer.from(first), UNREAD]));
    await until('it is ending', () => a.opened[0] !== undefined && a.opened[0].state !== 'open');
    const heard = listenTo(socket);
    await until('the peer sees an end', () => heard.end !== undefined);
    expect(heard).toEqual({ bytes: WORDS.length + 1, end: 'end' });
    socket.end();
    await until('the connection is gone', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toMatchObject(reason);
  });

  it('arrives at a peer that goes on sending, and that does not hold the slot beyond the deadline', async () => {
    const a = busyNode({ onDisconnectTimeoutMs: 1_000 });
    const [socket, connection] = await loudPeer(a);
    await connection.send(WORDS);
    const ended = connection.disconnect();
    await until('it is ending', () => connection.state !== 'open');
    const heard = listenTo(socket);
    flood(socket);
    expect(await soon('the end', ended, 2_500)).toBe(true);
    expect(a.node.connections.size).toBe(0);
    await until('the peer sees its end', () => heard.end !== undefined);
    expect(heard.bytes).toBe(WORDS.length + 1);
    socket.destroy();
  });

  it('arrives at a peer that writes all it has to say before it reads', async () => {
    const a = busyNode();
    const [socket, connection] = await loudPeer(a);
    connection.trySend('x'.repeat(8 * 1024 * 1024)); // more than the system takes from who is not read
    const ended = connection.disconnect();
    let written = 0;
    const more = (): void => {
      if (written++ === 20) heard = listenTo(socket);
      else socket.write(UNREAD, more);
    };
    let heard: ReturnType<typeof listenTo> | undefined;
    more();
    await until('the peer sees an end', () => heard?.end !== undefined);
    expect(heard).toEqual({ bytes: 8 * 1024 * 1024 + 1, end: 'end' });
    socket.end();
    await soon('the end', ended);
  });

  it('arrives in memory, where closing with bytes unread resets as it does over TCP', async () => {
    const network = inMemory();
    const a = busyNode(network);
    const b = makeNode({ ...network, codec: a.node.config.codec });
    const [there, here] = await join(b, a);
    while (here.bufferedBytes === 0 && there.trySend('u'.repeat(9_999)) && there.bufferedBytes < 500_000);
    await until('a is busy', () => a.node.stats.messagesReceived > 0);
    await here.send(WORDS);
    await here.disconnect();
    await until('b saw the end', () => b.closed.length === 1);
    expect(b.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'ended' });
    expect(b.messages.map(({ length }) => length)).toEqual([WORDS.length]);
  });
});

describe('through a stream on top', () => {
  it.each<[string, (handshake: Handshake) => Promise<unknown>]>([
    ['noise', secureByNoise],
    ['tls', (handshake) => tlsHandshake(handshake, certified)],
  ])(
    'what send resolved for arrives over %s, though the peer goes on sending',
    async (_name, onHandshake) => {
      const roomy = { outboundQueueBytes: 16 * 1024 * 1024 };
      const a = makeNode(roomy, {
        onHandshake: async (handshake) => void (await onHandshake(handshake)),
        onMessage: never,
      });
      const b = makeNode(roomy, { onHandshake: async (handshake) => void (await onHandshake(handshake)) });
      const [there, here] = await join(b, a);
      const goOn = (): void => {
        while (there.bufferedBytes < 1_000_000 && there.trySend('u'.repeat(9_999)));
        if (there.state === 'open')
          there.drained().then(
            () => setImmediate(goOn),
            () => {},
          );
      };
      goOn();
      await until('a reads no more', () => there.bufferedBytes > 0 && a.node.stats.messagesReceived > 0);
      await here.send(WORDS);
      await here.disconnect();
      await until('b saw the end', () => b.closed.length === 1);
      expect(b.messages.map(({ length }) => length)).toEqual([WORDS.length]);
      expect(b.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'ended' });
    },
  );

  it('what it has not passed on yet goes out, and the end of the link is waited for', async () => {
    const a = makeNode(
      {},
      { onHandshake: (handshake) => handshake.upgrade(slow(handshake.takeStream())), onMessage: never },
    );
    const [socket, connection] = await loudPeer(a);
    await connection.send('x'.repeat(200_000));
    const ended = connection.disconnect();
    const heard = listenTo(socket);
    await until('the peer sees an end', () => heard.end !== undefined);
    expect(heard).toEqual({ bytes: 200_001, end: 'end' });
    socket.end();
    await soon('the end', ended);
  });

  it('what went through it arrives though it broke since', async () => {
    let [raw, top] = [undefined as Socket | undefined, undefined as Duplex | undefined];
    const a = makeNode(
      {},
      {
        onHandshake(handshake) {
          raw = handshake.takeStream() as Socket;
          handshake.upgrade((top = slow(raw)));
        },
        onMessage: (_, connection) => connection.send(WORDS),
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.pause();
    socket.write('go\n');
    await until('the system has the words', () => raw?.bytesWritten === WORDS.length + 1);
    socket.write(UNREAD);
    top!.destroy(new PeerError('P2P_ERR_INVALID_FRAME', 'forged'));
    await until('it is ending', () => a.opened[0]!.state !== 'open');
    const heard = listenTo(socket);
    await until('the peer sees an end', () => heard.end !== undefined);
    expect(heard).toEqual({ bytes: WORDS.length + 1, end: 'end' });
    socket.end();
  });
});

describe('over a stream that somebody brought, to a peer that has ended its half', () => {
  /** A connection over `stream`, by one of two ways. */
  async function connectedOver(how: string, stream: Duplex): Promise<TestNode> {
    const a = makeNode(
      { outboundQueueBytes: 16 * 1024 * 1024, onDisconnectTimeoutMs: 60_000 },
      {
        ...(how === 'upgrade' && { onHandshake: (handshake: Handshake) => handshake.upgrade(stream) }),
        onDisconnect: (connection) => connection.send(WORDS),
      },
    );
    const [link, far] = how === 'upgrade' ? duplexPair() : [stream];
    far?.resume().end();
    await a.node.connect('peer:1', { stream: link });
    return a;
  }

  it.each(['connect', 'upgrade'])('our end comes after the last words, given to %s', async (how) => {
    const [near, far] = duplexPair();
    far.end();
    const heard = listenTo(far);
    const a = await connectedOver(how, near);
    await until('the connection is gone', () => a.node.heuristics.closed === 1);
    await until('the peer sees an end', () => heard.end !== undefined);
    expect(heard).toEqual({ bytes: WORDS.length + 1, end: 'end' });
  });

  it.each(['connect', 'upgrade'])(
    'a socket that would end with its peer does not, given to %s',
    async (how) => {
      const server = createServer({ allowHalfOpen: true });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const [far] = (await once(server, 'connection')) as [Socket];
      server.close();
      const heard = listenTo(far);
      far.end();
      const a = await connectedOver(how, socket);
      await until('the connection is gone', () => a.node.heuristics.closed === 1);
      await until('the peer sees an end', () => heard.end !== undefined);
      expect(heard).toEqual({ bytes: WORDS.length + 1, end: 'end' });
      far.destroy();
    },
  );
});

describe('nobody is waited for', () => {
  const config = { onDisconnectTimeoutMs: 60_000 };

  it('who was never sent a byte', async () => {
    const a = makeNode(config);
    const socket = await rawConnect(await listen(a));
    await until('a has the connection', () => a.opened.length === 1);
    await soon('the end', a.opened[0]!.disconnect(), 2_000);
    socket.destroy();
  });

  it('who has finished sending', async () => {
    const a = makeNode(config, { onDisconnect: (connection) => connection.send('goodbye') });
    const socket = await rawConnect(await listen(a));
    const heard = listenTo(socket);
    socket.end();
    await until('the connection is gone', () => a.node.heuristics.closed === 1, 2_000);
    await until('the peer sees an end', () => heard.end !== undefined);
    expect(heard).toEqual({ bytes: 8, end: 'end' });
    socket.destroy();
  });

  it('who has gone', async () => {
    const a = makeNode(config);
    const socket = await rawConnect(await listen(a));
    await until('a has the connection', () => a.opened.length === 1);
    await a.opened[0]!.send('hello');
    socket.resetAndDestroy();
    await until('the connection is gone', () => a.node.heuristics.closed === 1, 2_000);
  });
});

it('a peer that keeps its end open is waited for until the deadline, which close() can bring forward', async () => {
  const a = makeNode({ onDisconnectTimeoutMs: 60_000 });
  const socket = await rawConnect(await listen(a));
  await until('a has the connection', () => a.opened.length === 1);
  const connection = a.opened[0]!;
  await connection.send('hello');
  const ended = connection.disconnect();
  const heard = listenTo(socket);
  await until('the peer sees an end', () => heard.end !== undefined);
  expect([heard, connection.state]).toEqual([{ bytes: 6, end: 'end' }, 'closing']);
  expect(await soon('the end', a.node.close({ timeoutMs: 50 }), 2_000)).toMatchObject({ cut: [] });
  await ended;
  socket.destroy();
});

async function secureByNoise(handshake: Handshake): Promise<void> {
  const channel = await noiseHandshake(handshake, {
    pattern: 'Noise_NN_25519_ChaChaPoly_SHA256',
    initiator: handshake.direction === 'outbound',
  });
  handshake.upgrade(channel.secure(handshake.takeStream()), { reusesBuffers: true, neverReenters: true });
}

/** A stream over `raw` that changes nothing, and passes on what is written to it a turn later. */
function slow(raw: Duplex): Duplex {
  const outwards = new Transform({
    transform: (chunk: Buffer, _encoding, done) => void setImmediate(() => done(null, chunk)),
  });
  const inwards = new PassThrough();
  outwards.pipe(raw).pipe(inwards);
  return Duplex.from({ writable: outwards, readable: inwards });
}

it('64 MiB of what comes in are thrown away, also where a stream on top tells both of its end and of its close', async () => {
  const quiet = { read() {}, write: (_chunk: unknown, _encoding: unknown, done: () => void) => done() };
  const [link, top] = [new Duplex(quiet), new Duplex({ ...quiet, autoDestroy: false })];
  const a = makeNode(
    { clock: new ControlledClock() },
    { onHandshake: (handshake) => handshake.upgrade(top) },
  );
  const connection = await a.node.connect('127.0.0.1:9', { stream: link });
  const ended = connection.disconnect();
  top.push(null);
  await until('it is ending', () => top.readableEnded);
  top.destroy();
  await until('it is closed', () => top.closed);
  const chunk = Buffer.alloc(1024 * 1024);
  let pushed = 0;
  for (; connection.state !== 'closed' && pushed < 100; pushed++) {
    link.push(chunk);
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(pushed).toBeGreaterThanOrEqual(64);
  expect(pushed).toBeLessThan(68);
  expect(await ended).toBe(true);
});

it.each(['end', 'destroy', 'resume'] as const)('a stream whose %s() throws keeps no slot', async (method) => {
  const stream = new PassThrough({ autoDestroy: false });
  const a = makeNode({ onDisconnectTimeoutMs: 100 });
  const connection = await a.node.connect('127.0.0.1:9', { stream });
  await connection.send('hello');
  stream[method] = () => {
    throw new Error('a bug of the stream');
  };
  const ended = connection.disconnect();
  await until('its slot is free', () => a.node.connections.size === 0 && a.closed.length === 1);
  expect(await ended).toBe(true);
  delete (stream as Partial<Duplex>)[method];
  stream.destroy();
});
