import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { duplexPair } from 'node:stream';
import type { PeerError } from '@pea2pea/core';
import { type Codec, type Connection, type Hooks } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  inMemory,
  join,
  lab,
  listen,
  never,
  rawConnect,
  soon,
  textCodec,
  turn,
  until,
  type TestNode,
} from '@pea2pea/testing';

const { makeNode } = lab();

const ENDED = { origin: 'reading', cause: 'ended' };
/** More than the buffers of two sockets hold. */
const LARGE = 'x'.repeat(12 * 1024 * 1024);

/** A raw peer of `test`, with its connection. */
async function rawPeer(test: TestNode): Promise<[Socket, Connection<string>]> {
  const before = test.opened.length;
  const socket = await rawConnect(test.node.address ?? (await listen(test)));
  await until('it is connected', () => test.opened.length > before);
  return [socket, test.opened[before]!];
}

/** All that comes, and whether it has ended. */
function heardBy(stream: Duplex): { text: string; isOver: boolean } {
  const heard = { text: '', isOver: false };
  stream.on('data', (chunk: Buffer) => void (heard.text += chunk.toString('latin1')));
  stream.on('end', () => void (heard.isOver = true));
  return heard;
}

/** What `promise` rejects with. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => new Error(`it resolved, with ${String(value)}`),
    (error: unknown) => error,
  );

const code = (code: string): unknown => expect.objectContaining({ code });

/** A node that asks for its messages. */
const puller = (config: Parameters<typeof makeNode>[0] = {}, hooks: Hooks<string> = {}): TestNode =>
  makeNode(config, { ...hooks, onMessage: undefined as never });

/** Time passes, and what is under way arrives in between. */
async function pass(clock: ControlledClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    clock.advance(500);
    await turn(2);
  }
}

describe('end()', () => {
  it('flushes what is queued, ends our half, and goes on reading', async () => {
    const a = makeNode();
    const [socket, connection] = await rawPeer(a);
    const heard = heardBy(socket);
    for (const message of ['one', 'two']) connection.trySend(message);
    await soon('our end', connection.end());
    await until('the peer sees it', () => heard.isOver);
    expect(heard.text).toBe('one\ntwo\n');
    expect(connection).toMatchObject({ state: 'open', hasEnded: true, peerHasEnded: false });
    socket.write('three\nfour\n');
    await until('they are handled', () => a.messages.length === 2);
    expect(a.messages).toEqual(['three', 'four']);
    socket.end();
    expect(await soon('the end', connection.closed)).toEqual(ENDED);
    expect(a.closed).toHaveLength(1);
  });

  it('does the same in memory, and between two of our own', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode({ ...network, halfOpen: true })];
    const [here, there] = await join(a, b);
    void here.send('one');
    await here.end();
    await until('b sees it', () => there.peerHasEnded);
    expect(b.messages).toEqual(['one']);
    await there.send('two');
    await until('a has it', () => a.messages.length === 1);
    expect([here.state, there.state]).toEqual(['open', 'open']);
    await there.end();
    expect(await Promise.all([here.closed, there.closed])).toEqual([ENDED, ENDED]);
  });

  it('refuses what is sent after it, with a code and a remedy', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode({ ...network, halfOpen: true })];
    const [here] = await join(a, b);
    const ended = here.end();
    const error = await errorOf(here.send('late'));
    expect(error).toEqual(code('P2P_ERR_SENT_AFTER_END'));
    expect((error as Error).message).toMatch(/send before/);
    expect(here.trySend('late')).toBe(false);
    expect(await errorOf(here.drained())).toEqual(code('P2P_ERR_SENT_AFTER_END'));
    expect(a.node.broadcast('late')).toBe(0);
    await ended;
    expect(await errorOf(here.send('late'))).toEqual(code('P2P_ERR_SENT_AFTER_END'));
    expect(here.stats.messagesRefused).toBe(0);
    await here.disconnect();
    expect(await errorOf(here.send('late'))).toEqual(code('P2P_ERR_DISCONNECTED'));
    expect(b.messages).toEqual([]);
  });

  it('resolves when the system has all of it, however slowly the peer reads', async () => {
    const a = makeNode({ outboundQueueBytes: 16 * 1024 * 1024 });
    const [socket, connection] = await rawPeer(a);
    socket.pause();
    const sent = connection.send(LARGE);
    let isOut = false;
    const ended = connection.end().then(() => void (isOut = true));
    await turn(50);
    expect(isOut).toBe(false);
    expect(connection.bufferedBytes).toBeGreaterThan(0);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => void (bytes += chunk.length));
    socket.resume();
    await soon('both', Promise.all([sent, ended]));
    await once(socket, 'end');
    expect(bytes).toBe(LARGE.length + 1);
    socket.end();
    expect(await connection.closed).toEqual(ENDED);
  });

  it('is harmless twice, and where nobody awaits it', async () => {
    const a = makeNode();
    const [socket, connection] = await rawPeer(a);
    const first = connection.end();
    expect(connection.end()).toBe(first);
    await first;
    expect(connection.end()).toBe(first);
    socket.resetAndDestroy();
    await connection.closed;
    expect(connection.end()).toBe(first);
    const [other, next] = await rawPeer(a);
    other.resetAndDestroy();
    await next.closed;
    void next.end();
    await turn(3);
  });

  it('rejects where the connection ended before, or was lost before all was out', async () => {
    const a = makeNode({ outboundQueueBytes: 16 * 1024 * 1024 });
    const [gone, closed] = await rawPeer(a);
    gone.resetAndDestroy();
    const reason = await closed.closed;
    expect(await errorOf(closed.end())).toMatchObject({ code: 'P2P_ERR_DISCONNECTED', cause: reason });
    const [socket, lost] = await rawPeer(a);
    socket.pause();
    void lost.send(LARGE);
    const ended = errorOf(lost.end());
    await turn(5);
    socket.resetAndDestroy();
    expect(await soon('the rejection', ended)).toEqual(code('P2P_ERR_DISCONNECTED'));
  });

  it('can be called in hooks, also in the one that tells of the end of the connection', async () => {
    const outcomes: unknown[] = [];
    const a = makeNode(
      {},
      {
        onConnect: (connection) => connection.end(),
        async onDisconnect(connection) {
          outcomes.push(await connection.send('last').catch((error: PeerError) => error.code));
        },
      },
    );
    const [socket, connection] = await rawPeer(a);
    const heard = heardBy(socket);
    await until('the peer sees it', () => heard.isOver);
    socket.end('one\n');
    expect(await connection.closed).toEqual(ENDED);
    expect(a.messages).toEqual(['one']);
    expect(outcomes).toEqual(['P2P_ERR_DISCONNECTED']);

    const b = makeNode(
      {},
      {
        async onDisconnect(connection) {
          void connection.send('last');
          outcomes.push(await connection.end());
        },
      },
    );
    const [second, ending] = await rawPeer(b);
    const words = heardBy(second);
    const gone = ending.disconnect();
    await until('the peer sees it', () => words.isOver);
    second.end();
    expect(await soon('the end', gone)).toBe(true);
    expect(words.text).toBe('last\n');
    expect(outcomes).toEqual(['P2P_ERR_DISCONNECTED', undefined]);
  });

  it('lets the message go of which the encoder calls it', async () => {
    const network = inMemory();
    const target: { connection?: Connection<string> } = {};
    const text = textCodec();
    const codec: Codec<string> = {
      decoder: (context) => text.decoder(context),
      encoder(context) {
        const inner = text.encoder(context);
        return {
          encode(message, output) {
            void target.connection?.end();
            inner.encode(message, output);
          },
        };
      },
    };
    const [a, b] = [makeNode({ ...network, codec }), makeNode({ ...network, halfOpen: true })];
    const [here, there] = await join(a, b);
    target.connection = here;
    await here.send('one');
    expect(await errorOf(here.send('two'))).toEqual(code('P2P_ERR_SENT_AFTER_END'));
    await until('b sees the end', () => there.peerHasEnded);
    expect(b.messages).toEqual(['one']);
  });

  it('waits for nothing longer than idleTimeoutMs, unless the peer goes on sending', async () => {
    const clock = new ControlledClock();
    const network = inMemory();
    const a = makeNode({ ...network, clock, idleTimeoutMs: 10_000 });
    const b = makeNode({ ...network, halfOpen: true });
    const [here, there] = await join(a, b);
    await here.end();
    for (let times = 0; times < 5; times++) {
      await there.send('still here');
      await pass(clock, 8_000);
    }
    expect(here.state).toBe('open');
    await pass(clock, 20_000);
    expect(await here.closed).toEqual({ origin: 'reading', cause: 'idle-timeout' });
    expect(a.node.heuristics.idleTimeouts).toBe(1);
  });

  it('is followed by disconnect() and close() as any connection', async () => {
    const a = makeNode({ onDisconnectTimeoutMs: 200 });
    const [socket, one] = await rawPeer(a);
    const heard = heardBy(socket);
    await one.end();
    const ending = one.disconnect('enough');
    await until('the peer sees the end', () => heard.isOver);
    socket.end();
    expect(await soon('the end', ending)).toBe(true);
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'user', why: 'enough' });
    const [, two] = await rawPeer(a);
    await two.end();
    const report = await a.node.close();
    expect(report.cut).toEqual([]);
    expect(await two.closed).toEqual({ origin: 'shutdown' });
  });

  it('settles where the stream is gone, and the connection is only about to end', async () => {
    const outcomes: unknown[] = [];
    const a = makeNode(
      {},
      {
        async onDisconnect(connection) {
          await turn(3);
          outcomes.push(await soon('the end', errorOf(connection.end())));
        },
      },
    );
    const [socket, connection] = await rawPeer(a);
    (connection as unknown as { readonly stream: Duplex }).stream.destroy();
    await connection.closed;
    expect(outcomes).toEqual([code('P2P_ERR_DISCONNECTED')]);
    socket.destroy();
  });

  it('costs its own connection where the stream has no end', async () => {
    const network = inMemory();
    const a = makeNode(network);
    const [ours, theirs] = duplexPair();
    ours.end = () => {
      throw new Error('no end');
    };
    const connection = await a.node.connect('somebody:1', { stream: ours });
    expect(await errorOf(connection.end())).toEqual(code('P2P_ERR_DISCONNECTED'));
    expect(await connection.closed).toMatchObject({ origin: 'writing', cause: 'stream-error' });
    theirs.destroy();
  });
});

describe('halfOpen', () => {
  it('keeps the connection after the end of the peer until this side ends, and tells', async () => {
    const saw: string[] = [];
    const a = makeNode(
      { halfOpen: true },
      {
        async onMessage(message) {
          await turn(3);
          saw.push(message);
        },
        onPeerEnd: ({ state, peerHasEnded }) => void saw.push(`the end: ${state}, ${peerHasEnded}`),
      },
    );
    const [socket, connection] = await rawPeer(a);
    const heard = heardBy(socket);
    socket.end('one\ntwo\n');
    await until('it is told', () => saw.length === 3);
    expect(saw).toEqual(['one', 'two', 'the end: open, true']);
    await connection.send('three');
    await until('the peer has it', () => heard.text === 'three\n');
    await turn(5);
    expect(connection.state).toBe('open');
    connection.trySend('four');
    await connection.end();
    expect(await soon('the end', connection.closed)).toEqual(ENDED);
    await until('the peer sees it', () => heard.isOver);
    expect(heard.text).toBe('three\nfour\n');
    expect(saw).toHaveLength(3);
  });

  it('ends at once with the half of the peer where this side has ended', async () => {
    const a = makeNode({ halfOpen: true });
    const [socket, connection] = await rawPeer(a);
    socket.resume();
    await connection.end();
    socket.end('one\n');
    expect(await connection.closed).toEqual(ENDED);
    expect(a.messages).toEqual(['one']);
  });

  it('ends a connection that nobody ends after idleTimeoutMs, but not while its peer takes what is sent', async () => {
    const clock = new ControlledClock();
    const network = inMemory();
    const a = makeNode({ ...network, clock, idleTimeoutMs: 10_000, halfOpen: true });
    const b = makeNode(network);
    const [here, there] = await join(a, b);
    await there.end();
    await until('a sees it', () => here.peerHasEnded);
    for (let times = 0; times < 5; times++) {
      await here.send('news');
      await pass(clock, 8_000);
    }
    expect(here.state).toBe('open');
    await pass(clock, 20_000);
    expect(await here.closed).toEqual({ origin: 'reading', cause: 'idle-timeout' });
    expect(a.node.heuristics.idleTimeouts).toBe(1);
    await until('b has all of it', () => b.closed.length === 1);
    expect(b.messages).toHaveLength(5);
  });

  it('leaves disconnect(), close() and errors as they are', async () => {
    const a = makeNode({ halfOpen: true });
    const ended = async (): Promise<[Socket, Connection<string>]> => {
      const [socket, connection] = await rawPeer(a);
      socket.resume();
      socket.end();
      await until('a sees it', () => connection.peerHasEnded);
      return [socket, connection];
    };
    const [, one] = await ended();
    expect(await one.disconnect()).toBe(true);
    const [socket, two] = await ended();
    socket.resetAndDestroy();
    while (two.state === 'open') {
      two.trySend('x');
      await turn();
    }
    expect(await two.closed).toMatchObject({ origin: 'writing', cause: 'stream-error' });
    const [, three] = await ended();
    expect((await a.node.close()).cut).toEqual([]);
    expect(await three.closed).toEqual({ origin: 'shutdown' });
  });

  it('ends the wait of those who ask for messages, and not the connection', async () => {
    const network = inMemory();
    const a = puller({ ...network, halfOpen: true });
    const b = makeNode(network);
    const [here, there] = await join(a, b);
    const served = (async () => {
      const all: string[] = [];
      for await (const message of here) all.push(message);
      await here.send(`${all.length} lines`);
      await here.end();
      return errorOf(here.next());
    })();
    for (const line of ['one', 'two', 'three']) void there.send(line);
    await there.end();
    expect(await soon('the end', there.closed)).toEqual(ENDED);
    expect(b.messages).toEqual(['3 lines']);
    expect(await served).toEqual(code('P2P_ERR_ENDED'));
  });

  it('keeps what came before the end for those who ask later', async () => {
    const network = inMemory();
    const a = puller({ ...network, halfOpen: true });
    const b = makeNode(network);
    const [here, there] = await join(a, b);
    for (const line of ['one', 'two']) void there.send(line);
    await there.end();
    await until('a sees it', () => here.peerHasEnded);
    expect(await here.next()).toBe('one');
    expect(await here.next()).toBe('two');
    const error = await errorOf(here.next());
    expect(error).toMatchObject({ code: 'P2P_ERR_ENDED', cause: ENDED });
    expect(here.state).toBe('open');
    await here.send('bye');
    await here.end();
    await here.closed;
    expect(await errorOf(here.next())).toEqual(code('P2P_ERR_ENDED'));
    await until('b has it', () => b.messages.length === 1);
  });
});

describe('onPeerEnd', () => {
  /** What a peer hears that says all it has to say and then listens, as `nc -N` does. */
  async function said(test: TestNode, text: string): Promise<string> {
    const [socket] = await rawPeer(test);
    const heard = heardBy(socket);
    socket.end(text);
    await until('the end', () => heard.isOver);
    return heard.text;
  }

  it('is where an answer goes that needs the end of the input', async () => {
    const counts = new WeakMap<object, number>();
    const a = makeNode(
      {},
      {
        onMessage: (_, connection) => void counts.set(connection, (counts.get(connection) ?? 0) + 1),
        async onPeerEnd(connection) {
          await turn(3);
          await connection.send(`${counts.get(connection)} lines`);
        },
      },
    );
    expect(await said(a, 'one\ntwo\n')).toBe('2 lines\n');
    await until('it is over', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toEqual(ENDED);
  });

  it('runs once for each layer of hooks, each after the promise of the one before', async () => {
    const saw: string[] = [];
    const a = makeNode({}, { onPeerEnd: () => turn(3).then(() => void saw.push('first')) });
    a.node.use({ onPeerEnd: () => void saw.push('second') });
    a.node.use({ onPeerEnd: (connection) => void connection.disconnect() });
    a.node.use({ onPeerEnd: () => void saw.push('never') });
    const [socket, connection] = await rawPeer(a);
    socket.resume();
    socket.end();
    expect(await connection.closed).toEqual({ origin: 'user' });
    expect(saw).toEqual(['first', 'second']);
  });

  it.each(['throws', 'rejects'])('ends the connection where it %s, unless onError keeps it', async (how) => {
    const hooks: string[] = [];
    const fail = (): Promise<void> => {
      const error = new Error('a bug');
      if (how === 'throws') throw error;
      return turn().then(() => Promise.reject(error));
    };
    const a = makeNode({}, { onPeerEnd: fail, onError: (_, { hook }) => void hooks.push(hook) });
    const [socket, connection] = await rawPeer(a);
    socket.resume();
    socket.end();
    expect(await connection.closed).toMatchObject({ origin: 'reading', cause: 'handler-error' });
    expect(hooks).toEqual(['onPeerEnd']);
    expect(a.node.heuristics.hookErrors).toBe(1);

    const b = makeNode({ halfOpen: true }, { onPeerEnd: fail, onError: () => 'keep' });
    const [other, kept] = await rawPeer(b);
    other.resume();
    other.end();
    await until('it threw', () => b.node.heuristics.hookErrors === 1);
    await turn(3);
    expect(kept.state).toBe('open');
    await kept.end();
    expect(await kept.closed).toEqual(ENDED);
  });

  it('keeps the connection no longer than idleTimeoutMs where it never settles', async () => {
    const clock = new ControlledClock();
    const network = inMemory();
    const a = makeNode({ ...network, clock, idleTimeoutMs: 10_000 }, { onPeerEnd: never });
    const b = makeNode(network);
    const [here, there] = await join(a, b);
    void there.end();
    await until('a sees it', () => here.peerHasEnded);
    await pass(clock, 5_000);
    expect(here.state).toBe('open');
    await pass(clock, 15_000);
    expect(await here.closed).toEqual(ENDED);
    expect(a.node.heuristics.idleTimeouts).toBe(0);
  });

  it('does not run where the connection ends in another way', async () => {
    let told = 0;
    const a = makeNode({}, { onPeerEnd: () => void told++ });
    const [cut, first] = await rawPeer(a);
    cut.end('half a fra');
    await first.closed;
    const [reset, second] = await rawPeer(a);
    reset.resetAndDestroy();
    await second.closed;
    const [quiet, third] = await rawPeer(a);
    quiet.resume().on('end', () => quiet.end());
    await third.disconnect();
    expect(told).toBe(0);
  });

  it('may ask for what was left', async () => {
    const rest: string[] = [];
    const a = puller(
      {},
      {
        async onPeerEnd(connection) {
          for await (const message of connection) rest.push(message);
          await connection.send(`${rest.length} lines`);
        },
      },
    );
    expect(await said(a, 'one\ntwo\nthree\n')).toBe('3 lines\n');
    expect(rest).toEqual(['one', 'two', 'three']);
  });
});

describe('by default, when the peer ends', () => {
  it('what a hold announced is sent, also where those who ask are told of the end before', async () => {
    const a = puller(
      {},
      {
        async onConnect(connection) {
          const work = connection.hold();
          let count = 0;
          for await (const _ of connection) count++;
          await turn(3);
          await connection.send(`${count} lines`);
          work.release();
        },
      },
    );
    const [socket] = await rawPeer(a);
    const heard = heardBy(socket);
    socket.end('one\ntwo\n');
    await until('the end', () => heard.isOver);
    expect(heard.text).toBe('2 lines\n');
  });

  it('what is queued is flushed to a peer that reads', async () => {
    const a = makeNode(
      { outboundQueueBytes: 16 * 1024 * 1024 },
      { onMessage: (_, connection) => void connection.trySend(LARGE) },
    );
    const [socket] = await rawPeer(a);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => void (bytes += chunk.length));
    socket.end('go\n');
    await once(socket, 'end');
    expect(bytes).toBe(LARGE.length + 1);
  });

  it('the body of a loop goes on, though another reader was told of the end in it', async () => {
    const a = puller(
      {},
      {
        async onConnect(connection) {
          for await (const message of connection) {
            const rest = await connection.next().catch((error: PeerError) => error.code);
            await turn(3);
            await connection.send(`${message}, ${rest}`);
          }
        },
      },
    );
    const [socket] = await rawPeer(a);
    const heard = heardBy(socket);
    socket.end('one\ntwo\nthree\n');
    await until('the end', () => heard.isOver);
    expect(heard.text).toBe('one, two\nthree, P2P_ERR_ENDED\n');
  });
});
