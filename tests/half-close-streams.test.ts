import { afterAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { duplexPair, type Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { bytes } from '@pea2pea/codecs';
import { PeerNode, type Connection, type Hooks } from '@pea2pea/core';
import { noise } from '@pea2pea/noise';
import { Yamux } from '@pea2pea/streams';
import { tls } from '@pea2pea/tls';
import { ANYWHERE, inMemory, join, lab, listen, soon, until, type TestNode } from '@pea2pea/testing';
import { authority } from '@pea2pea/testing/certificates';

const { makeNode, own } = lab();

const trusted = await authority();
const mine = await trusted.issue({ commonName: 'mine' });
const theirs = await trusted.issue({ commonName: 'theirs' });

const ENDED = { origin: 'reading', cause: 'ended' };
const folder = mkdtempSync(joinPath(tmpdir(), 'half-close-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Bytes of which each place can be told. */
function pattern(size: number): Buffer {
  const all = Buffer.allocUnsafe(size);
  for (let at = 0; at + 4 <= size; at += 4) all.writeUInt32BE(at, at);
  return all;
}

/** Each half ends by itself: b replies to what a sent when a has ended, and a hears it. */
async function expectHalfCloses(
  a: TestNode,
  b: TestNode,
  here: Connection<string>,
  there: Connection<string>,
): Promise<void> {
  const large = 'x'.repeat(500_000);
  for (const text of ['one', large]) void here.send(text);
  await soon('our end', here.end());
  await until('b sees it', () => there.peerHasEnded);
  expect(b.messages.map(({ length }) => length)).toEqual([3, large.length]);
  expect([here.state, there.state]).toEqual(['open', 'open']);
  await soon('a reply', there.send(large));
  await there.send('bye');
  await until('a hears it', () => a.messages.length === 2);
  expect([here.state, there.state]).toEqual(['open', 'open']);
  await there.end();
  expect(await soon('both ends', Promise.all([here.closed, there.closed]))).toEqual([ENDED, ENDED]);
  expect(a.messages.map(({ length }) => length)).toEqual([large.length, 3]);
}

describe('a half-close', () => {
  it.each(['noise', 'tls', 'noise in tls'])('works over %s, on sockets and in memory', async (what) => {
    const secured = (test: TestNode, { key, cert }: { key: string; cert: string }): void => {
      if (what.includes('tls')) test.node.use(tls({ key, cert, ca: trusted.ca, requestCert: true }));
      if (what.includes('noise'))
        test.node.use(noise({ pattern: 'Noise_NN_25519_ChaChaPoly_SHA256', authorize: () => true }));
    };
    for (const config of [{}, inMemory()]) {
      const [a, b] = [makeNode({ ...config, halfOpen: true }), makeNode({ ...config, halfOpen: true })];
      secured(a, mine);
      secured(b, theirs);
      await expectHalfCloses(a, b, ...(await join(a, b)));
      const [c, d] = [makeNode({ ...config, halfOpen: true }), makeNode({ ...config, halfOpen: true })];
      secured(c, mine);
      secured(d, theirs);
      const [there, here] = await join(c, d);
      await expectHalfCloses(d, c, here, there);
    }
  });

  it('works over streams of yamux, and those that accept() is given', async () => {
    const [a, b] = [makeNode({ halfOpen: true }), makeNode({ halfOpen: true })];
    const [left, right] = duplexPair();
    let accepted: Promise<Connection<string>> | undefined;
    const onStream = (stream: Duplex): void =>
      void (accepted = b.node.accept(stream, { address: 'yamux:2' }));
    const sessions = [new Yamux(left, { role: 'client' }), new Yamux(right, { role: 'server', onStream })];
    const here = await a.node.connect('yamux:1', { stream: sessions[0]!.openStream() });
    await until('it is accepted', () => accepted !== undefined);
    const there = await accepted!;
    await expectHalfCloses(a, b, here, there);
    await Promise.all(sessions.map((session) => session.close()));
  });

  it('works over a Unix socket', async () => {
    const path = joinPath(folder, 'socket');
    const [a, b] = [makeNode({ halfOpen: true }), makeNode({ halfOpen: true })];
    const server = createServer({ allowHalfOpen: true }).listen(path);
    await once(server, 'listening');
    const socket = connect({ path, allowHalfOpen: true });
    const [inbound] = (await once(server, 'connection')) as [Socket];
    const here = await a.node.connect('unix:1', { stream: socket });
    const there = await b.node.accept(inbound, { address: 'unix:2' });
    await expectHalfCloses(a, b, here, there);
    server.close();
  });

  it('is a close_notify over TLS, after which OpenSSL goes on', async () => {
    const a = makeNode({}, { onConnect: (connection) => connection.end() });
    a.node.use(tls({ key: mine.key, cert: mine.cert, ca: trusted.ca }));
    const { port } = await listen(a);
    const raw = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const socket = connectTls({ socket: raw, ca: trusted.ca, checkServerIdentity: () => undefined });
    socket.allowHalfOpen = true;
    socket.resume();
    await once(socket, 'end');
    socket.write('one\n');
    await until('it is handled', () => a.messages.length === 1);
    expect(a.opened[0]!.state).toBe('open');
    socket.end();
    expect(await a.opened[0]!.closed).toEqual(ENDED);
  });
});

describe('a proxy', () => {
  /** Made with hooks, or with loops. */
  const PROXIES = {
    hooks(proxy: PeerNode<Uint8Array>, upstream: () => Promise<Connection<Uint8Array>>): void {
      const other = new Map<Connection<Uint8Array>, Promise<Connection<Uint8Array>>>();
      proxy.use({
        onConnect(connection) {
          if (connection.direction === 'outbound') return;
          const dialled = upstream();
          other.set(connection, dialled);
          void dialled.then((there) => other.set(there, Promise.resolve(connection)));
        },
        async onMessage(chunk, connection) {
          const there = (await other.get(connection))!;
          while (!there.trySend(chunk)) await there.drained();
        },
        async onPeerEnd(connection) {
          await (await other.get(connection))!.end();
        },
      } satisfies Hooks<Uint8Array>);
    },
    loops(proxy: PeerNode<Uint8Array>, upstream: () => Promise<Connection<Uint8Array>>): void {
      const pipe = async (from: Connection<Uint8Array>, to: Connection<Uint8Array>): Promise<void> => {
        for await (const chunk of from) while (!to.trySend(chunk)) await to.drained();
        await to.end();
      };
      proxy.use({
        async onConnect(connection) {
          if (connection.direction === 'outbound') return;
          const there = await upstream();
          await Promise.all([pipe(connection, there), pipe(there, connection)]);
        },
      });
    },
  };

  /** Replies when its client has said everything: with all of it. It reads and writes as slowly as it is told. */
  async function echo(): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const said: Buffer[] = [];
      socket.on('error', () => {}).on('end', () => socket.end(Buffer.concat(said)));
      slowly(socket, (chunk) => said.push(chunk));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }

  /** Reads at most so much in a turn. */
  function slowly(socket: Socket, take: (chunk: Buffer) => void): void {
    socket.on('data', (chunk: Buffer) => {
      take(chunk);
      socket.pause();
      setImmediate(() => setImmediate(() => socket.resume()));
    });
  }

  it.each([
    ['hooks', 100_000],
    ['hooks', 10_000_000],
    ['loops', 100_000],
    ['loops', 10_000_000],
  ] as const)(
    'made with %s passes on %d bytes that end with their stream, and the reply',
    async (how, size) => {
      const upstream = await echo();
      const { port } = upstream.address() as AddressInfo;
      const proxy = own(
        new PeerNode({
          codec: bytes(),
          halfOpen: true,
          outboundQueueBytes: 64_000,
          inboundQueueBytes: 16_000,
        }),
      );
      const hooks = PROXIES[how];
      hooks(proxy, () => proxy.connect({ host: '127.0.0.1', port }));
      const address = await proxy.listen(ANYWHERE);
      const said = pattern(size);
      const client = connect({ host: address.host, port: address.port, allowHalfOpen: true });
      client.end(said);
      const heard: Buffer[] = [];
      slowly(client, (chunk) => heard.push(chunk));
      await once(client, 'end');
      expect(Buffer.concat(heard).equals(said)).toBe(true);
      await until('nothing is left', () => proxy.connections.size === 0);
      expect(proxy.heuristics.closed).toBe(2);
      upstream.close();
    },
  );
});
