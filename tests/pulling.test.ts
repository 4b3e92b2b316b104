import { describe, expect, it } from '@jest/globals';
import type { Duplex } from 'node:stream';
import { PeerError, type Codec, type Connection, type PeerNode } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { inMemory, join, lab, listen, rawConnect, textCodec, until, type TestNode } from '@pea2pea/testing';

const { makeNode } = lab();

/** A node that asks for its messages. */
const puller = (config: Parameters<typeof makeNode>[0] = {}): TestNode =>
  makeNode(config, { onMessage: undefined as never });

/** A connection of a node that asks, and the other end, which has hooks. */
async function pair(config: Parameters<typeof makeNode>[0] = {}): Promise<{
  a: TestNode;
  b: TestNode;
  here: Connection<string>;
  there: Connection<string>;
}> {
  const network = inMemory();
  const [a, b] = [puller({ ...network, ...config }), makeNode(network)];
  const [here, there] = await join(a, b);
  return { a, b, here, there };
}

/** What `promise` rejects with. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => new Error(`it resolved, with ${String(value)}`),
    (error: unknown) => error,
  );

/** The stream under a connection, to see what the kernel has seen. */
const streamOf = (connection: Connection<string>): Duplex =>
  (connection as unknown as { readonly stream: Duplex }).stream;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('next()', () => {
  it('returns message after message, those that came before it was called first', async () => {
    const { here, there } = await pair();
    await there.send('one');
    await there.send('two');
    await until('both arrived', () => here.stats.bytesReceived === 8);
    expect(here.stats.messagesReceived).toBe(0);
    expect(await here.next()).toBe('one');
    expect(await here.next()).toBe('two');
    const third = here.next();
    await there.send('three');
    expect(await third).toBe('three');
    expect(here.stats.messagesReceived).toBe(3);
  });

  // INVARIANT: fair-turns.
  it('has others have their turn after the end, too, however long each message takes', async () => {
    const { here, there } = await pair();
    for (let count = 0; count < 60; count++) void there.send('x');
    await there.disconnect();
    await here.closed;
    let turns = 0;
    const isOver = new AbortController();
    const counting = (): void => void (turns++, isOver.signal.aborted || setImmediate(counting));
    counting();
    let taken = 0;
    for (; ; taken++) {
      if ((await errorOf(here.next())) instanceof PeerError) break;
      const sinceMs = performance.now();
      while (performance.now() - sinceMs < 2);
    }
    isOver.abort();
    expect(taken).toBe(60);
    expect(turns).toBeGreaterThan(4);
  });

  it('rejects with P2P_ERR_DISCONNECTED, however the connection failed', async () => {
    const clock = new ControlledClock();
    const { here, there } = await pair({ clock, writeTimeoutMs: 1_000, outboundQueueBytes: 1_000_000 });
    streamOf(there).pause();
    streamOf(there).resume = () => streamOf(there);
    const asked = errorOf(here.next());
    while (here.trySend('x'.repeat(50_000)));
    for (let times = 0; times < 20 && here.state === 'open'; times++) {
      clock.advance(1_000);
      await turn();
    }
    expect(await asked).toMatchObject({
      code: 'P2P_ERR_DISCONNECTED',
      cause: { origin: 'writing', cause: 'timeout' },
    });
  });

  it('decodes no message that nobody asked for', async () => {
    let decoded = 0;
    const text = textCodec();
    const codec: Codec<string> = {
      encoder: text.encoder,
      decoder(context) {
        const inner = text.decoder(context);
        return { decode: (queue) => (decoded++, inner.decode(queue)) };
      },
    };
    const { here, there } = await pair({ codec });
    for (const message of ['one', 'two', 'three']) await there.send(message);
    await until('all arrived', () => here.stats.bytesReceived === 14);
    expect(decoded).toBe(0);
    expect(await here.next()).toBe('one');
    expect(decoded).toBe(1);
  });

  it('works on both sides, in hooks, and with what came with the handshake', async () => {
    const network = inMemory();
    const said: string[] = [];
    const server = puller(network).node;
    const client = makeNode(network, {
      onMessage: undefined as never,
      async onHandshake(handshake) {
        await handshake.write('hello\n');
      },
      async onConnect(connection) {
        said.push(await connection.next());
      },
    });
    const address = await server.listen({ host: '127.0.0.1', port: 0 });
    await client.node.connect(address);
    const [inbound] = [...server.connections];
    expect(await inbound!.next()).toBe('hello');
    await inbound!.send('welcome');
    await until('the hook has it', () => said.length === 1);
    expect(said).toEqual(['welcome']);
  });

  it('slows the peer down once inboundQueueBytes wait, and loses nothing', async () => {
    const a = puller({ inboundQueueBytes: 1_024 });
    const socket = await rawConnect(await listen(a));
    const count = 50_000;
    socket.write(Array.from({ length: count }, (_, index) => `${index}\n`).join(''));
    await until('it is connected', () => a.opened.length === 1);
    const connection = a.opened[0]!;
    await until('something arrived', () => connection.stats.bytesReceived > 1_024);
    const { bytesReceived } = connection.stats;
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(connection.stats.bytesReceived).toBe(bytesReceived);
    for (let index = 0; index < count; index++) {
      const message = await connection.next();
      if (message !== `${index}`) expect(message).toBe(`${index}`);
    }
    socket.destroy();
  });

  it('lets others have their turn, however much there is to pull', async () => {
    const a = puller({ inboundQueueBytes: 4 * 1024 * 1024 });
    const socket = await rawConnect(await listen(a));
    socket.write('x\n'.repeat(100_000));
    await until('it is connected', () => a.opened.length === 1);
    const connection = a.opened[0]!;
    await until('all arrived', () => connection.stats.bytesReceived === 200_000);
    let turns = 0;
    let pulling = true;
    const count = (): void => {
      turns++;
      if (pulling) setImmediate(count);
    };
    setImmediate(count);
    for (let index = 0; index < 100_000; index++) await connection.next();
    pulling = false;
    expect(turns).toBeGreaterThan(3);
    socket.destroy();
  });

  it('an aborted wait rejects, and its message is for the next call', async () => {
    const { here, there } = await pair();
    const controller = new AbortController();
    const waiting = here.next({ signal: controller.signal });
    controller.abort(new Error('enough'));
    expect(await errorOf(waiting)).toMatchObject({ code: 'P2P_ERR_ABORTED' });
    await there.send('late');
    expect(await errorOf(here.next({ signal: controller.signal }))).toMatchObject({
      code: 'P2P_ERR_ABORTED',
    });
    expect(await here.next({ signal: new AbortController().signal })).toBe('late');
  });

  it('has the message that a decoder aborted the wait for', async () => {
    let controller = new AbortController();
    const text = textCodec();
    const codec: Codec<string> = {
      encoder: text.encoder,
      decoder(context) {
        const inner = text.decoder(context);
        return { decode: (queue) => (controller.abort(), inner.decode(queue)) };
      },
    };
    const { here, there } = await pair({ codec });
    await there.send('one');
    await there.send('two');
    await until('both arrived', () => here.stats.bytesReceived === 8);
    const { signal } = (controller = new AbortController());
    expect(await here.next({ signal })).toBe('one');
    expect(await here.next()).toBe('two');
    const waiting = errorOf(here.next({ signal: (controller = new AbortController()).signal }));
    controller.abort();
    const next = here.next(); // in the same turn
    expect(await waiting).toMatchObject({ code: 'P2P_ERR_ABORTED' });
    await there.send('three');
    expect(await next).toBe('three');
    const last = errorOf(here.next({ signal: (controller = new AbortController()).signal }));
    controller.abort();
    void here.disconnect();
    expect(await last).toMatchObject({ code: 'P2P_ERR_ABORTED' });
  });

  it('is for one caller at a time', async () => {
    const { here, there } = await pair();
    const first = here.next();
    expect(await errorOf(here.next())).toMatchObject({ code: 'P2P_ERR_ALREADY_PULLING' });
    await there.send('one');
    expect(await first).toBe('one');
  });

  it('is refused where the node has an onMessage, and where the signal is not one', async () => {
    const { here, there } = await pair();
    expect(await errorOf(there.next())).toMatchObject({ code: 'P2P_ERR_NOT_PULLED' });
    expect(await errorOf(here.next({ signal: 'now' as never }))).toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
    });
  });
});

describe('the end of a connection that is pulled', () => {
  it('comes when nothing waits, and rejects whoever waits, with the reason as cause', async () => {
    const { a, here, there } = await pair();
    const waiting = here.next();
    await there.disconnect();
    const error = await errorOf(waiting);
    expect(error).toMatchObject({ code: 'P2P_ERR_ENDED', cause: { origin: 'reading', cause: 'ended' } });
    await here.closed;
    expect(a.closed).toHaveLength(1);
    expect(await errorOf(here.next())).toMatchObject({ code: 'P2P_ERR_ENDED' });
  });

  it('is noticed without anybody who asks, where nothing was sent', async () => {
    const a = puller();
    const socket = await rawConnect(await listen(a));
    socket.end();
    await until('the connection ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'ended' });
    socket.destroy();
  });

  it('leaves what the peer sent before it to be asked for', async () => {
    const { here, there } = await pair();
    await there.send('one');
    await there.send('two');
    await there.disconnect();
    expect(await here.closed).toEqual({ origin: 'reading', cause: 'ended' });
    expect(await here.next()).toBe('one');
    expect(await here.next()).toBe('two');
    expect(await errorOf(here.next())).toMatchObject({ code: 'P2P_ERR_ENDED' });
    expect(here.stats.messagesReceived).toBe(2);
  });

  it('does not have those wait who ask for nothing, and the half of a message that is left is a failure', async () => {
    const a = puller();
    const socket = await rawConnect(await listen(a));
    socket.end('one\nunfinished');
    await until('the connection ended', () => a.closed.length === 1);
    const { connection, reason } = a.closed[0]!;
    expect(reason).toEqual({ origin: 'reading', cause: 'ended' });
    expect(a.node.bufferedBytes).toBe(0);
    await connection.closed;
    expect(await connection.next()).toBe('one');
    const truncated = { cause: 'invalid-frame', error: { code: 'P2P_ERR_TRUNCATED_FRAME' } };
    for (const error of [await errorOf(connection.next()), await errorOf(connection.next())]) {
      expect(error).toMatchObject({ code: 'P2P_ERR_DISCONNECTED', cause: truncated });
    }
    socket.destroy();
  });

  it('drops and counts what is left where we end the connection', async () => {
    const { a, here, there } = await pair();
    await there.send('unwanted');
    await until('it arrived', () => here.stats.bytesReceived === 9);
    await here.disconnect();
    expect(await errorOf(here.next())).toMatchObject({ code: 'P2P_ERR_ENDED', cause: { origin: 'user' } });
    expect(a.node.heuristics.droppedBytes).toBe(9);
  });

  it('lets others have their turn, however much is left', async () => {
    const { here, there } = await pair();
    for (let index = 0; index < 1_000; index++) there.trySend('x');
    await there.disconnect();
    await here.closed;
    let turns = 0;
    const count = (): void => void (turns++, setImmediate(count).unref());
    count();
    let messages = 0;
    for await (const message of here) messages += message.length;
    expect(messages).toBe(1_000);
    expect(turns).toBeGreaterThan(10);
  });

  it('is for one caller at a time, too', async () => {
    const { here, there } = await pair();
    for (let index = 0; index < 100; index++) await there.send(`${index}`);
    await there.disconnect();
    await here.closed;
    for (let index = 0; index < 63; index++) await here.next();
    const [last, refused] = [here.next(), errorOf(here.next())];
    expect(await refused).toMatchObject({ code: 'P2P_ERR_ALREADY_PULLING' });
    expect(await last).toBe('63');
    expect(await here.next()).toBe('64');
  });

  it('tells a failure from an end', async () => {
    const { here, there } = await pair();
    await there.send('one\n!');
    expect(await here.next()).toBe('one');
    const error = await errorOf(here.next());
    expect(error).toMatchObject({ code: 'P2P_ERR_DISCONNECTED', cause: { cause: 'invalid-frame' } });
  });
});

describe('for await', () => {
  it('stops at the end, and has had all', async () => {
    const { here, there } = await pair();
    for (const message of ['one', 'two', 'three']) await there.send(message);
    void there.disconnect();
    const messages: string[] = [];
    for await (const message of here) messages.push(message);
    expect(messages).toEqual(['one', 'two', 'three']);
    await here.closed;
  });

  it('throws where the connection fails', async () => {
    const { here, there } = await pair();
    await there.send('one\n!');
    const messages: string[] = [];
    const looping = (async () => {
      for await (const message of here) messages.push(message);
    })();
    expect(await errorOf(looping)).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    expect(messages).toEqual(['one']);
  });

  it('replies to a peer that has ended its half after its request, and only then lets the connection end', async () => {
    const a = puller();
    const socket = await rawConnect(await listen(a));
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.end('ping\n');
    await until('it is connected', () => a.opened.length === 1);
    const connection = a.opened[0]!;
    for await (const message of connection) {
      await until('the end of the peer was seen', () => streamOf(connection).readableEnded);
      for (let turns = 0; turns < 5; turns++) await turn();
      await connection.send(`${message} pong`);
    }
    await until('the answer arrived', () => received === 'ping pong\n');
    expect((await connection.closed).origin).toBe('reading');
  });

  it('may be left, and begun again, without a message lost; next() goes on inside it', async () => {
    const { here, there } = await pair();
    for (const message of ['one', 'two', 'three', 'four', 'five']) await there.send(message);
    const messages: string[] = [];
    for await (const message of here) {
      messages.push(message);
      break;
    }
    expect(here.state).toBe('open');
    for await (const message of here) {
      messages.push(message, await here.next());
      if (messages.length === 5) break;
    }
    expect(messages).toEqual(['one', 'two', 'three', 'four', 'five']);
  });

  it('may be left while it waits: the message is for the next call, and the connection ends with its peer', async () => {
    const { here, there } = await pair();
    const loop = here[Symbol.asyncIterator]();
    const waiting = loop.next();
    await loop.return!();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await there.send('one');
    expect(await here.next()).toBe('one');
    void there.disconnect();
    await here.closed;
  });

  it('in the body of another leaves that one a handler: its reply goes out after the end of the peer', async () => {
    const a = puller();
    const socket = await rawConnect(await listen(a));
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.end('header\nbody\n');
    await until('it is connected', () => a.opened.length === 1);
    const connection = a.opened[0]!;
    for await (const header of connection) {
      let body = '';
      for await (const message of connection) {
        body = message;
        break;
      }
      await until('the end of the peer was seen', () => streamOf(connection).readableEnded);
      for (let turns = 0; turns < 5; turns++) await turn();
      await connection.send(`${header} ${body}`);
    }
    await until('the answer arrived', () => received === 'header body\n');
  });

  it('is over at once where we end the connection ourselves', async () => {
    const { here, there } = await pair();
    await there.send('one');
    const messages: string[] = [];
    for await (const message of here) {
      messages.push(message);
      void here.disconnect();
    }
    expect(messages).toEqual(['one']);
  });
});

describe('silence while messages are pulled', () => {
  const SECONDS = 1_000;

  async function watched(): Promise<{
    clock: ControlledClock;
    here: Connection<string>;
    there: Connection<string>;
    node: PeerNode<string>;
  }> {
    const clock = new ControlledClock();
    const { a, here, there } = await pair({ clock, idleTimeoutMs: 10 * SECONDS });
    return { clock, here, there, node: a.node };
  }

  async function pass(clock: ControlledClock, durationMs: number): Promise<void> {
    for (let passed = 0; passed < durationMs; passed += 500) {
      clock.advance(500);
      await turn();
    }
  }

  it('does not end a connection whose messages wait for us, or whose loop is busy', async () => {
    const { clock, here, there } = await watched();
    await there.send('one');
    await there.send('two');
    expect(await here.next()).toBe('one');
    await pass(clock, 30 * SECONDS);
    expect(here.state).toBe('open');
    for await (const message of here) {
      expect(message).toBe('two');
      await pass(clock, 30 * SECONDS);
      expect(here.state).toBe('open');
      break;
    }
  });

  it('ends a connection that sends nothing while somebody waits, or none while nobody does', async () => {
    const { clock, here, node } = await watched();
    const waiting = here.next();
    await pass(clock, 30 * SECONDS);
    expect(await errorOf(waiting)).toMatchObject({ cause: { cause: 'idle-timeout' } });
    expect(node.heuristics.idleTimeouts).toBe(1);
  });

  it('ends one that drips bytes of a message that somebody waits for', async () => {
    const clock = new ControlledClock();
    const a = puller({ clock, idleTimeoutMs: 10 * SECONDS });
    const socket = await rawConnect(await listen(a));
    await until('it is connected', () => a.opened.length === 1);
    const connection = a.opened[0]!;
    const waiting = connection.next();
    for (let index = 0; index < 60 && connection.state === 'open'; index++) {
      socket.write('x');
      await until('it arrived', () => connection.stats.bytesReceived > index);
      await pass(clock, 500);
    }
    expect(await errorOf(waiting)).toMatchObject({ cause: { cause: 'idle-timeout' } });
    socket.destroy();
  });
});
