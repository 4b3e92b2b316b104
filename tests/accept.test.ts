import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect, createServer as createNetServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join as pathJoin } from 'node:path';
import { Duplex, duplexPair } from 'node:stream';
import { ConnectionContext, contextKey } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { lab, rawPair, until } from '@pea2pea/testing';

const { makeNode } = lab();

/** What `promise` rejects with. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => new Error(`it resolved, with ${String(value)}`),
    (error: unknown) => error,
  );

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a stream brings until it ends or is destroyed. */
async function textOf(stream: Duplex): Promise<string> {
  let text = '';
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => stream.once('close', resolve));
  return text;
}

describe('node.accept(stream)', () => {
  it('takes the socket of another server: an HTTP upgrade, with the bytes that came with it', async () => {
    const a = makeNode();
    const http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    http.on('upgrade', (_request, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n');
      void a.node.accept(socket, { head });
    });
    const asking = request({ host: '127.0.0.1', port, headers: { connection: 'Upgrade', upgrade: 'lines' } });
    asking.on('socket', (socket) => socket.on('connect', () => socket.write('at once\n')));
    asking.end();
    const [, socket] = (await once(asking, 'upgrade')) as [unknown, Socket];
    socket.write('and later\n');
    await until('both messages arrived', () => a.messages.length === 2);
    expect(a.messages).toEqual(['at once', 'and later']);
    const { direction, address, localAddress } = a.opened[0]!;
    expect({ direction, host: address.host, port: localAddress.port }).toEqual({
      direction: 'inbound',
      host: '127.0.0.1',
      port,
    });
    expect(address.port).toBe(socket.localPort);
    expect(a.node.heuristics).toMatchObject({ accepted: 1, openedInbound: 1 });
    await a.opened[0]!.send('hello');
    const [reply] = (await once(socket, 'data')) as [Buffer];
    expect(reply.toString()).toBe('hello\n');
    socket.destroy();
    http.close();
  });

  it('takes any duplex, under an address that stands for the peer, and gives the handshake a context', async () => {
    const key = contextKey<string>('tenant');
    const seen: unknown[] = [];
    const a = makeNode({}, { onHandshake: (handshake) => void seen.push(handshake.context.get(key)) });
    const [here, there] = duplexPair();
    const connection = await a.node.accept(here, {
      address: 'pipe:1',
      localAddress: 'pipe:0',
      context: new ConnectionContext().with(key, 'blue'),
    });
    expect(seen).toEqual(['blue']);
    expect(`${connection.address} ${connection.localAddress} ${connection.state}`).toBe('pipe:1 pipe:0 open');
    expect(a.node.connections.get('pipe:1')).toBe(connection);
    there.write('hello\n');
    await until('it arrived', () => a.messages.length === 1);
    const text = textOf(there);
    await connection.send('bye');
    there.end();
    await connection.disconnect();
    expect(await text).toBe('bye\n');
  });

  it('takes connections of a Unix socket', async () => {
    const a = makeNode();
    const path =
      process.platform === 'win32'
        ? `\\\\.\\pipe\\pea2pea-${process.pid}`
        : pathJoin(tmpdir(), `pea2pea-accept-${process.pid}.sock`);
    let count = 0;
    const server = createNetServer(
      (socket) => void a.node.accept(socket, { address: `local:${++count}` }),
    ).listen(path);
    await once(server, 'listening');
    const sockets = [connect(path), connect(path)];
    for (const socket of sockets) socket.write('hello\n');
    await until('both arrived', () => a.messages.length === 2);
    expect(a.opened.map(({ address }) => `${address}`).sort()).toEqual(['local:1', 'local:2']);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('starts the node, and works without listening', async () => {
    let started = 0;
    const a = makeNode({}, { onStart: () => void started++ });
    const [here, there] = duplexPair();
    await a.node.accept(here, { address: 'pipe:1' });
    expect([started, a.node.state, a.node.address]).toEqual([1, 'open', undefined]);
    there.destroy();
  });
});

describe('a stream that is not accepted', () => {
  it('is refused by the limits before a hook runs, with the code of the limit, and destroyed', async () => {
    let asked = 0;
    const a = makeNode({ maxConnections: 2, maxInbound: 1 }, { onAccept: () => void asked++ });
    const [first] = duplexPair();
    await a.node.accept(first, { address: 'pipe:1' });
    const [second] = duplexPair();
    expect(await errorOf(a.node.accept(second, { address: 'pipe:2' }))).toMatchObject({
      code: 'P2P_ERR_TOO_MANY_INBOUND',
    });
    expect(second.destroyed).toBe(true);
    const [twice] = duplexPair();
    expect(await errorOf(a.node.accept(twice, { address: 'pipe:1' }))).toMatchObject({
      code: 'P2P_ERR_ALREADY_CONNECTED',
    });
    expect([asked, a.node.heuristics.refusedByLimit, a.node.connections.size]).toEqual([1, 2, 1]);
  });

  it('waits in the line for a setup, and is told when its time is over', async () => {
    const clock = new ControlledClock();
    const a = makeNode(
      { clock, maxConnecting: 1, listenBacklog: 1, handshakeTimeoutMs: 1_000, maxConnectingPerIp: 1 },
      { onHandshake: () => new Promise(() => {}) },
    );
    const [busy, waiting, tooMany] = [duplexPair()[0], duplexPair()[0], duplexPair()[0]];
    const outcomes = [busy, waiting, tooMany].map((stream, index) =>
      errorOf(a.node.accept(stream, { address: `10.0.${index}.1:1` })),
    );
    expect(await outcomes[2]).toMatchObject({ code: 'P2P_ERR_TOO_MANY_CONNECTING' });
    clock.advance(1_000);
    expect(await outcomes[0]).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_TIMEOUT' });
    await until('the one that waited had its turn, or none', () => (clock.advance(1_000), waiting.destroyed));
    expect(await outcomes[1]).toMatchObject({ code: expect.stringMatching(/TIMEOUT|CONNECTING/) });
    expect([busy.destroyed, tooMany.destroyed, a.node.connecting]).toEqual([true, true, 0]);
  });

  it('rejects with what a hook says', async () => {
    const a = makeNode({}, { onAccept: () => false });
    const [here] = duplexPair();
    expect(await errorOf(a.node.accept(here, { address: 'pipe:1' }))).toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
    });
    expect(here.destroyed).toBe(true);
  });

  it.each([
    ['has no address and was given none', {}, 'P2P_ERR_INVALID_ADDRESS'],
    ['was given an address that is none', { address: 'nowhere' }, 'P2P_ERR_INVALID_ADDRESS'],
    ['was given a head that is not bytes', { address: 'pipe:1', head: 'x' }, 'P2P_ERR_INVALID_CONFIG'],
    ['was given an unknown option', { address: 'pipe:1', adress: 1 }, 'P2P_ERR_INVALID_CONFIG'],
    ['was given a context that is none', { address: 'pipe:1', context: {} }, 'P2P_ERR_INVALID_CONFIG'],
  ])('is destroyed where it %s', async (_what, options, code) => {
    const a = makeNode();
    const [here] = duplexPair();
    expect(await errorOf(a.node.accept(here, options as never))).toMatchObject({ code });
    expect(here.destroyed).toBe(true);
    expect(a.node.heuristics.accepted).toBe(0);
  });

  it('is destroyed without an uncaught error, though it tells of its own end by one', async () => {
    const a = makeNode();
    const telling = (): Duplex =>
      new Duplex({ read() {}, destroy: (_error, callback) => callback(new Error('aborted')) });
    expect(await errorOf(a.node.accept(telling()))).toMatchObject({ code: 'P2P_ERR_INVALID_ADDRESS' });
    expect(await errorOf(a.node.connect('nowhere', { stream: telling() }))).toMatchObject({
      code: 'P2P_ERR_INVALID_ADDRESS',
    });
    await turn();
  });

  it('rejects what is not a stream', async () => {
    const a = makeNode();
    expect(await errorOf(a.node.accept({} as never))).toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
  });

  it('is destroyed where the node is closing, or does not start', async () => {
    const closed = makeNode();
    await closed.node.close();
    const failing = makeNode({}, { onStart: () => Promise.reject(new Error('no disk')) });
    const [here, there] = [duplexPair()[0], duplexPair()[0]];
    expect(await errorOf(closed.node.accept(here, { address: 'pipe:1' }))).toMatchObject({
      code: 'P2P_ERR_SHUTTING_DOWN',
    });
    expect(await errorOf(failing.node.accept(there, { address: 'pipe:1' }))).toMatchObject({
      message: 'no disk',
    });
    expect([here.destroyed, there.destroyed]).toEqual([true, true]);
  });

  it('rejects where it is over before it begins', async () => {
    const a = makeNode({}, { onHandshake: async (handshake) => void (await handshake.read(1)) });
    const [here, there] = await rawPair();
    there.destroy();
    await once(here.resume(), 'end');
    expect(await errorOf(a.node.accept(here, { address: '127.0.0.1:1' }))).toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_ENDED',
    });
    expect([a.node.connecting, a.node.connections.size]).toEqual([0, 0]);
  });

  it('may throw when it is destroyed: it is refused all the same, also from the waiting line, and the node closes', async () => {
    const clock = new ControlledClock();
    const a = makeNode(
      {
        clock,
        maxConnecting: 1,
        listenBacklog: 2,
        handshakeTimeoutMs: 1_000,
        maxConnectingPerIp: 1,
        maxWaitingPerIp: 1,
      },
      { onHandshake: () => new Promise(() => {}) },
    );
    const faulty = (): Duplex => {
      const [stream] = duplexPair();
      stream.destroy = () => {
        throw new Error('a faulty stream');
      };
      return stream;
    };
    const outcomes = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.2:2', '10.0.0.3:1'].map((address) =>
      errorOf(a.node.accept(faulty(), { address })),
    );
    expect(await outcomes[2]).toMatchObject({ code: 'P2P_ERR_TOO_MANY_CONNECTING' });
    const closing = a.node.close({ timeoutMs: 100 });
    for (const outcome of [outcomes[0], outcomes[1], outcomes[3]]) {
      expect(await outcome).toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
    }
    await until('it is closed', () => (clock.advance(100), a.node.state === 'closed'));
    await closing;
  });

  it('hurts nobody where nobody looks at the promise', async () => {
    const a = makeNode({ maxConnections: 2, maxInbound: 1 }, { onAccept: () => false });
    for (let index = 1; index < 4; index++) void a.node.accept(duplexPair()[0], { address: `pipe:${index}` });
    await until('all were refused', () => a.node.connecting === 0 && a.node.heuristics.accepted === 3);
  });
});
