import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  contextKey,
  PeerError,
  PeerNode,
  type Connection,
  memoryTransport,
  type DisconnectReason,
  type Handshake,
  type NodeConfig,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { lab, rawConnect, soon, until } from '@pea2pea/testing';
import { Yamux, yamuxFrames, type FrameHeader, type YamuxStream } from '../src/index.js';
import { encodeFrame } from '../src/yamux/frame.js';
import { all } from './yamux-lab.js';

const { own } = lab();

type Config = Partial<NodeConfig<FrameHeader, never>>;

const SESSION = contextKey<Yamux>('yamux');
const nodes: PeerNode<FrameHeader, never>[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close({ timeoutMs: 500 })));
});

/** A node each of whose connections is a session; it echoes what comes on streams. */
function make(config: Config = {}) {
  const node = own(new PeerNode<FrameHeader, never>({ codec: yamuxFrames, ...config }));
  const test = {
    node,
    order: [] as string[],
    frames: [] as FrameHeader[],
    streams: [] as YamuxStream[],
    reasons: [] as DisconnectReason[],
    sessions: [] as Yamux[],
    below: [] as Duplex[],
  };
  node.use({
    onHandshake(handshake: Handshake) {
      test.below.push(handshake.takeStream());
      const session = new Yamux(handshake.takeStream(), {
        role: handshake.direction === 'outbound' ? 'client' : 'server',
        keepAliveIntervalMs: 0,
        clock: node.config.clock,
        onStream(stream) {
          test.order.push('stream');
          test.streams.push(stream);
          stream.pipe(stream);
        },
      });
      handshake.context.set(SESSION, session);
      handshake.upgrade(session.frames);
      test.sessions.push(session);
    },
    onConnect: () => void test.order.push('connect'),
    onMessage: (frame) => void test.frames.push(frame),
    onDisconnect: (_connection, reason) => void test.reasons.push(reason),
  });
  nodes.push(node);
  return test;
}

async function pair(config: Config = {}) {
  const [alice, bob] = [make(config), make(config)];
  const address = await bob.node.listen({ host: '127.0.0.1', port: 0 });
  const connection = await alice.node.connect(address);
  await until('bob has it, too', () => bob.node.connections.size === 1);
  return { alice, bob, connection, session: sessionOf(connection) };
}

const sessionOf = (connection: Connection<FrameHeader, never>): Yamux => connection.context.get(SESSION)!;

describe.each([['memory'], ['tcp']])('a session as the stream of a connection, over %s', (transport) => {
  const config = (): Config => (transport === 'memory' ? { transport: memoryTransport() } : {});

  it('streams go both ways, and the messages of the connection are the headers of the frames', async () => {
    const { session, bob, alice } = await pair(config());
    const streams = [session.openStream(), bob.sessions[0]!.openStream()];
    for (const stream of streams) stream.end('hello');
    expect((await soon('the echoes', Promise.all(streams.map(all)))).map(String)).toEqual(['hello', 'hello']);
    await until('all frames are told', () =>
      bob.frames.some(({ type, streamId }) => type === 0 && streamId === 1),
    );
    expect(bob.frames[0]).toEqual({ type: 1, flags: 1, streamId: 1, length: 0 });
    expect([alice.order[0], bob.order[0]]).toEqual(['connect', 'connect']);
  });

  it('disconnect() ends session and streams in order: the other side sees `ended`', async () => {
    const { session, bob, alice, connection } = await pair(config());
    const stream = session.openStream();
    await until('it is offered', () => bob.streams.length === 1);
    await connection.disconnect('enough');
    await until('bob is told', () => bob.reasons.length === 1);
    expect(alice.reasons).toEqual([{ origin: 'user', why: 'enough' }]);
    expect(bob.reasons).toEqual([{ origin: 'reading', cause: 'ended' }]);
    expect(stream.errored).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    expect(bob.streams[0]!.destroyed).toBe(true);
    await soon('both sessions to close', Promise.all([session.closed, bob.sessions[0]!.closed]));
    expect([session.error, bob.sessions[0]!.error]).toEqual([undefined, undefined]);
  });

  it('session.close() ends the connection', async () => {
    const { session, bob, alice } = await pair(config());
    await soon('the end', session.close());
    await until('both are told', () => alice.reasons.length + bob.reasons.length === 2);
    expect([alice.reasons, bob.reasons].flat()).toEqual(Array(2).fill({ origin: 'reading', cause: 'ended' }));
  });
});

it('a peer that breaks the protocol is disconnected with `invalid-frame`, its slot released, the node unharmed', async () => {
  const bob = make();
  const address = await bob.node.listen({ host: '127.0.0.1', port: 0 });
  const mallory = await rawConnect(address);
  mallory.write(encodeFrame({ type: 1, flags: 1, streamId: 1, length: 0 }));
  await until('the stream is offered', () => bob.streams.length === 1);
  mallory.write(encodeFrame({ type: 0, flags: 0, streamId: 1, length: 2 ** 31 }));
  await until('it is over', () => bob.reasons.length === 1 && bob.node.connections.size === 0);
  expect(bob.reasons[0]).toMatchObject({
    origin: 'reading',
    cause: 'invalid-frame',
    error: { code: 'P2P_ERR_INVALID_FRAME' },
  });
  expect(bob.streams[0]!.destroyed).toBe(true);
  const alice = make();
  const stream = sessionOf(await alice.node.connect(address)).openStream();
  stream.end('still there?');
  expect(String(await soon('the echo', all(stream)))).toBe('still there?');
  mallory.destroy();
});

it('a peer that breaks it before the connection is open is no different', async () => {
  const bob = make();
  const address = await bob.node.listen({ host: '127.0.0.1', port: 0 });
  const mallory = await rawConnect(address);
  mallory.write('GET / HTTP/1.1\r\n\r\n');
  await until('it is over', () => bob.reasons.length === 1 && bob.node.connections.size === 0);
  expect(bob.reasons[0]).toMatchObject({ cause: 'invalid-frame' });
  mallory.destroy();
});

it('what the stream below refuses, such as a forged message of Noise, is the reason of the connection', async () => {
  const { alice, bob, session } = await pair();
  const stream = session.openStream();
  await until('it is offered', () => bob.streams.length === 1);
  bob.below[0]!.destroy(new PeerError('P2P_ERR_INVALID_FRAME', 'a forged message'));
  await until('both are told', () => alice.reasons.length + bob.reasons.length === 2);
  expect(bob.reasons[0]).toMatchObject({ cause: 'invalid-frame', error: { what: 'a forged message' } });
  await until('its streams are over', () => stream.destroyed && bob.streams[0]!.destroyed);
});

it('a handshake that fails behind the making of a session leaves nothing of it', async () => {
  const clock = new ControlledClock();
  const bob = make({ clock, transport: memoryTransport() });
  bob.node.use({ onHandshake: (handshake) => handshake.reject('not you') });
  const alice = make({ transport: bob.node.config.transport });
  await alice.node.connect(await bob.node.listen({ host: '127.0.0.1', port: 0 })).catch(() => {});
  await until('the session is over', () => bob.sessions[0]?.state === 'closed');
  expect([bob.node.connections.size, bob.node.connecting]).toEqual([0, 0]);
});

it.each<[string, (session: Yamux, below: Duplex) => void]>([
  ['the stream below is destroyed', (_session, below) => below.destroy()],
  ['the session is destroyed', (session) => session.destroy()],
  ['the session is closed', (session) => void session.close()],
])('where %s before its frames are asked for, connection and slot go with it', async (_what, end) => {
  const bob = new PeerNode<FrameHeader, never>({ codec: yamuxFrames, idleTimeoutMs: 0 });
  nodes.push(bob);
  const outcomes: unknown[] = [];
  bob.use({
    async onHandshake(handshake) {
      const below = handshake.takeStream();
      const session = new Yamux(below, { role: 'server' });
      end(session, below);
      await new Promise((resolve) => setImmediate(resolve));
      handshake.upgrade(session.frames);
    },
    onDisconnect: (_connection, reason) => void outcomes.push(reason),
  });
  const address = await bob.listen({ host: '127.0.0.1', port: 0 });
  const peers = await Promise.all(Array.from({ length: 12 }, () => rawConnect(address)));
  const { heuristics } = bob;
  await until('all are over', () => heuristics.handshakeFailures + outcomes.length >= 10);
  await until('no slot is held', () => bob.connections.size + bob.connecting === 0);
  for (const peer of peers) peer.destroy();
});

it('idleTimeoutMs counts from the last frame', async () => {
  const clock = new ControlledClock();
  const { session, bob } = await pair({ clock, transport: memoryTransport(), idleTimeoutMs: 10_000 });
  for (let count = 0; count < 5; count++) {
    clock.advance(6_000);
    await session.ping();
    await until('it is told', () => bob.frames.length === count + 1);
  }
  expect(bob.node.connections.size).toBe(1);
  for (let seconds = 0; seconds < 20; seconds++) clock.advance(1_000);
  await until('it is idle', () => bob.reasons.length === 1);
  expect(bob.reasons[0]).toMatchObject({ cause: 'idle-timeout' });
});

it('a handler that makes the connection wait makes the session wait', async () => {
  const transport = memoryTransport();
  const bob = make({ transport, inboundQueueBytes: 4 });
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  bob.node.use({ onMessage: () => held });
  const address = await bob.node.listen({ host: '127.0.0.1', port: 0 });
  const alice = make({ transport });
  const session = sessionOf(await alice.node.connect(address));
  const streams = Array.from({ length: 200 }, () => session.openStream());
  for (const stream of streams) stream.write(Buffer.alloc(64 * 1024));
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(streams.every(({ writableLength }) => writableLength === 0)).toBe(false);
  release();
  await until('all is written', () => streams.every(({ writableLength }) => writableLength === 0));
});

it('nothing can be sent over the connection itself, and it lives on', async () => {
  const { connection, session } = await pair({ transport: memoryTransport() });
  expect(() => connection.trySend(undefined as never)).toThrow(/sends no messages/);
  await expect(connection.send(undefined as never)).rejects.toMatchObject({ code: 'P2P_ERR_UNSUPPORTED' });
  await expect(session.ping()).resolves.toBeGreaterThanOrEqual(0);
});
