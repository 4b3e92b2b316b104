import { describe, expect, it } from '@jest/globals';
import { HANDLED, type Hooks } from '@pea2pea/core';
import {
  assertConsistent,
  inMemory,
  join,
  lab,
  listen,
  never,
  rawConnect,
  socketClosed,
  soon,
  until,
} from '@pea2pea/testing';

const { makeNode } = lab();

describe('connecting', () => {
  it('connect resolves when the connection is usable, and does not wait for onConnect to finish', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network, { onConnect: never }), makeNode(network)];
    const [connection] = await join(a, b);
    await connection.send('hello');
    await until('it arrived', () => b.messages.length === 1);
    expect(connection).toMatchObject({ direction: 'outbound', state: 'open' });
    expect(connection.address).toEqual(b.node.address);
    expect(b.opened[0]!.address).toEqual(connection.localAddress);
  });

  it('inside onConnect the peer can be messaged and disconnected', async () => {
    const network = inMemory();
    const a = makeNode(network, {
      async onConnect(connection) {
        await connection.send('welcome and goodbye');
        await connection.disconnect('that was all');
      },
    });
    const b = makeNode(network);
    await listen(a);
    await b.node.connect(a.node.address!);
    await until('b saw the end', () => b.closed.length === 1);
    expect(b.messages).toEqual(['welcome and goodbye']);
    expect(a.closed[0]!.reason).toEqual({ origin: 'user', why: 'that was all' });
  });

  it.each(['throws', 'rejects'])(
    'an onConnect that %s ends the connection, with its own origin',
    async (how) => {
      const error = new Error('a bug');
      const network = inMemory();
      const a = makeNode(network, {
        onConnect() {
          if (how === 'throws') throw error;
          return Promise.reject(error);
        },
      });
      const b = makeNode(network);
      await listen(a);
      await b.node.connect(a.node.address!);
      await until('it ended', () => a.closed.length === 1);
      expect(a.closed[0]!.reason).toEqual({ origin: 'on-connect', error });
      await until('on both sides', () => b.closed.length === 1);
    },
  );

  it('onError may keep a connection whose onConnect failed', async () => {
    const network = inMemory();
    const a = makeNode(network, {
      onConnect: () => Promise.reject(new Error('a bug')),
      onError: () => 'keep',
    });
    const b = makeNode(network);
    const address = await listen(a);
    const connection = await b.node.connect(address);
    await connection.send('hello');
    await until('it arrived', () => a.messages.length === 1);
    expect(connection.state).toBe('open');
  });

  it('each onConnect that fails is told and counted, also after one that onError kept', async () => {
    const network = inMemory();
    const told: unknown[] = [];
    let rejectLate!: (error: Error) => void;
    const late = new Promise<void>((_, reject) => (rejectLate = reject));
    const a = makeNode(network, {
      onConnect() {
        throw new Error('at once');
      },
      onError(error) {
        told.push(error);
        return 'keep';
      },
    });
    a.node.use({ onConnect: () => late });
    const [, b] = [await listen(a), makeNode(network)];
    const connection = await b.node.connect(a.node.address!);
    await until('the first is told', () => told.length === 1);
    rejectLate(new Error('later'));
    await until('the second is told', () => told.length === 2);
    expect(told).toEqual([new Error('at once'), new Error('later')]);
    expect([a.node.heuristics.hookErrors, connection.state]).toEqual([2, 'open']);
  });

  it('every onError is told of what a hook threw, and the first with an opinion decides', async () => {
    const network = inMemory();
    const told: string[] = [];
    const a = makeNode(network, {
      onConnect: () => Promise.reject(new Error('a bug')),
      onError: () => void told.push('first'),
    });
    a.node
      .use({ onError: () => (told.push('second'), 'keep') })
      .use({ onError: () => (told.push('third'), 'disconnect') });
    await listen(a);
    const connection = await makeNode(network).node.connect(a.node.address!);
    await connection.send('hello');
    await until('it arrived', () => a.messages.length === 1);
    expect([told, connection.state]).toEqual([['first', 'second', 'third'], 'open']);
  });

  it('ids are never reused, not even at the same address', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const [first] = await join(a, b);
    await first.disconnect();
    const [second] = await join(a, b);
    expect(second.id).toBeGreaterThan(first.id);
    expect(second.address).toEqual(first.address);
  });
});

describe('disconnecting', () => {
  it('onDisconnect fires once on both sides, with a reason each', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    expect(await connection.disconnect('enough')).toBe(true);
    await until('b saw it', () => b.closed.length === 1);
    expect(a.closed.map(({ reason }) => reason)).toEqual([{ origin: 'user', why: 'enough' }]);
    expect(b.closed.map(({ reason }) => reason)).toEqual([{ origin: 'reading', cause: 'ended' }]);
    expect([a.node.connections.size, connection.state]).toEqual([0, 'closed']);
  });

  it('disconnect waits for onDisconnect, which runs before the connection is removed', async () => {
    const network = inMemory();
    const seen: unknown[] = [];
    const a = makeNode(network, {
      async onDisconnect(connection) {
        seen.push([connection.state, a.node.connections.has(connection.address)]);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push('hook done');
      },
    });
    const [connection] = await join(a, makeNode(network));
    await connection.disconnect();
    expect(seen).toEqual([['closing', true], 'hook done']);
    expect(a.node.connections.has(connection.address)).toBe(false);
  });

  it('of concurrent calls one resolves with true, and of several causes the first is the reason', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const [connection] = await join(a, b);
    const answers = await Promise.all([
      connection.disconnect('first'),
      connection.disconnect('second'),
      a.node.disconnect(connection.address, 'third'),
      a.node.disconnect(connection, 'fourth'),
    ]);
    expect(answers).toEqual([true, false, false, false]);
    expect(a.closed.map(({ reason }) => reason)).toEqual([{ origin: 'user', why: 'first' }]);
  });

  it('disconnecting an unknown address resolves with false', async () => {
    const a = makeNode(inMemory());
    expect(await a.node.disconnect('127.0.0.1:1')).toBe(false);
  });

  it('a slow onDisconnect is cut off at its timeout, and counted', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, onDisconnectTimeoutMs: 40 }, { onDisconnect: never });
    const [connection] = await join(a, makeNode(network));
    expect(await soon('the teardown', connection.disconnect())).toBe(true);
    expect(a.node.heuristics.hookTimeouts).toBe(1);
    expect(a.node.connections.size).toBe(0);
  });

  it('last words inside onDisconnect are flushed before the stream closes', async () => {
    const [a, b] = [
      makeNode({}, { onDisconnect: (connection) => connection.send('farewell '.repeat(10_000)) }),
      makeNode(),
    ];
    const [connection] = await join(a, b);
    await connection.disconnect();
    await until('b saw the end', () => b.closed.length === 1);
    expect(b.messages).toEqual(['farewell '.repeat(10_000)]);
  });

  it('last words reach a peer that has finished sending', async () => {
    const a = makeNode({}, { onDisconnect: (connection) => connection.send('you too') });
    const socket = await rawConnect(await listen(a));
    const heard: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => heard.push(chunk));
    socket.end('goodbye\n');
    await soon('the end', socketClosed(socket));
    expect(a.messages).toEqual(['goodbye']);
    expect(Buffer.concat(heard).toString()).toBe('you too\n');
    socket.destroy();
  });

  it('what was queued before disconnect is flushed', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    for (let index = 0; index < 1000; index++) connection.trySend(String(index));
    await connection.disconnect();
    await until('all arrived', () => b.messages.length === 1000);
  });

  it('a peer that takes no last words is cut off at the hook timeout', async () => {
    const a = makeNode({ onDisconnectTimeoutMs: 60, outboundQueueBytes: 64 * 1024 * 1024 });
    const socket = await rawConnect(await listen(a));
    socket.pause();
    await until('a has the connection', () => a.opened.length === 1);
    const sending = a.opened[0]!.send('x'.repeat(16 * 1024 * 1024));
    await soon('the teardown', a.opened[0]!.disconnect());
    await expect(sending).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    socket.destroy();
  });

  it('while the teardown runs the address stays taken, and afterwards it is free', async () => {
    const network = inMemory();
    let finish!: () => void;
    const a = makeNode(network, { onDisconnect: () => new Promise<void>((resolve) => (finish = resolve)) });
    const b = makeNode(network);
    const [connection] = await join(a, b);
    const ending = connection.disconnect();
    await until('the hook runs', () => finish !== undefined);
    await expect(a.node.connect(b.node.address!)).rejects.toMatchObject({
      code: 'P2P_ERR_ALREADY_CONNECTED',
    });
    finish();
    await ending;
    await join(a, b);
    expect(a.node.connections.size).toBe(1);
    finish();
  });

  it('the signal of a connection aborts when its teardown begins, with the reason', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const [connection] = await join(a, b);
    const { signal } = connection;
    expect(signal.aborted).toBe(false);
    await connection.disconnect('over');
    expect(signal.reason).toEqual({ origin: 'user', why: 'over' });
    await until('b saw it', () => b.closed.length === 1);
    expect(b.opened[0]!.signal.aborted).toBe(true); // made after the fact
  });

  it('closed resolves with the reason when the connection is removed, also when asked for afterwards', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const [connection, back] = await join(a, b);
    const closed = connection.closed.then((reason) => [reason, connection.state, a.node.connections.size]);
    await connection.disconnect('over');
    expect(await closed).toEqual([{ origin: 'user', why: 'over' }, 'closed', 0]);
    await until('b is done, too', () => back.state === 'closed');
    expect(await back.closed).toEqual({ origin: 'reading', cause: 'ended' });
  });

  it('bytes that were not handled when the connection ends are dropped, and counted', async () => {
    const network = inMemory();
    const a = makeNode(network, { onMessage: never });
    const [connection, back] = await join(makeNode(network), a);
    for (let index = 0; index < 5; index++) connection.trySend(String(index));
    await until('all arrived', () => back.stats.bytesReceived === 10);
    await back.disconnect();
    expect(back.stats.messagesReceived).toBe(1);
    expect(a.node.heuristics).toMatchObject({ droppedMessages: 0, droppedBytes: 8 });
  });

  it('an onConnect still running at the end is told by the signal, and runs to its own end', async () => {
    const network = inMemory();
    const order: string[] = [];
    const a = makeNode(network, {
      async onConnect({ signal }) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        order.push('told');
        await new Promise((resolve) => setImmediate(resolve));
        order.push('done');
      },
    });
    const [connection] = await join(a, makeNode(network));
    expect(order).toEqual([]);
    await connection.disconnect();
    await until('the hook ended', () => order.length === 2);
    expect(order).toEqual(['told', 'done']);
    expect(a.closed.map(({ reason }) => reason.origin)).toEqual(['user']);
  });

  it('a disconnect that nobody waits for runs to its end', async () => {
    const network = inMemory();
    let finish!: () => void;
    const a = makeNode(network, { onDisconnect: () => new Promise<void>((resolve) => (finish = resolve)) });
    const b = makeNode(network);
    const [connection] = await join(a, b);
    // Who gave up waiting leaves no half state: there is nothing to cancel.
    await Promise.race([connection.disconnect(), Promise.resolve()]);
    await until('the hook runs', () => finish !== undefined);
    expect([connection.state, a.node.connections.size]).toEqual(['closing', 1]);
    finish();
    await until('it is closed', () => connection.state === 'closed');
    expect(a.node.connections.size).toBe(0);
    await until('the other side saw it', () => b.closed.length === 1);
  });
});

describe('hooks of several uses', () => {
  it('run in order, onDisconnect in reverse, and each but onConnect waits for the one before', async () => {
    const order: string[] = [];
    const note = (name: string): Hooks<string> => ({
      onAccept: async () => void order.push(`accept ${name}`),
      onHandshake: async () => void order.push(`handshake ${name}`),
      onConnect: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push(`connect ${name}`);
      },
      onMessage: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push(`message ${name}`);
      },
      onDisconnect: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push(`disconnect ${name}`);
      },
    });
    const network = inMemory();
    const a = makeNode(network, note('1'));
    a.node.use(note('2')).use(note('3'));
    const [connection, back] = await join(makeNode(network), a);
    await until('all connected', () => order.filter((entry) => entry.startsWith('connect')).length === 3);
    await connection.send('x');
    await until('all heard', () => order.filter((entry) => entry.startsWith('message')).length === 3);
    await back.disconnect();
    const all = (hook: string, names: string[]): string[] => names.map((name) => `${hook} ${name}`);
    expect(order).toEqual([
      ...all('accept', ['1', '2', '3']),
      ...all('handshake', ['1', '2', '3']),
      ...all('connect', ['1', '2', '3']),
      ...all('message', ['1', '2', '3']),
      ...all('disconnect', ['3', '2', '1']),
    ]);
  });

  it('each onConnect begins before the first message, though an earlier one never settles', async () => {
    const order: string[] = [];
    const network = inMemory();
    const a = makeNode(network, { onConnect: never });
    a.node.use({
      onConnect: () => void order.push('second hears of the connection'),
      onMessage: () => void order.push('message'),
    });
    const [connection] = await join(makeNode(network), a);
    await connection.send('x');
    await until('it arrived', () => order.includes('message'));
    expect(order).toEqual(['second hears of the connection', 'message']);
  });

  it('the first onConnect that fails ends the connection; later ones are told, and may fail unheard', async () => {
    const network = inMemory();
    let failLater!: (error: Error) => void;
    const a = makeNode(network, { onConnect: () => new Promise((_, reject) => (failLater = reject)) });
    let told = 0;
    a.node.use({
      onConnect: () => {
        throw new Error('at once');
      },
    });
    a.node.use({ onConnect: () => void told++, onDisconnect: () => void told++ });
    await join(makeNode(network), a).catch(() => undefined);
    await until('it ended', () => a.closed.length === 1);
    failLater(new Error('late'));
    expect(told).toBe(2);
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'on-connect', error: { message: 'at once' } });
    expect(a.node.heuristics.hookErrors).toBe(1);
  });

  it('who was not told of a connection, because an earlier onConnect ended it, is not told of its end', async () => {
    const order: string[] = [];
    const network = inMemory();
    const a = makeNode(network, {
      onConnect: (connection) => void connection.disconnect('not you'),
      onDisconnect: () => void order.push('first'),
    });
    a.node.use({ onConnect: () => void order.push('?'), onDisconnect: () => void order.push('second') });
    a.node.use({ onDisconnect: () => void order.push('third') });
    const { closed } = await makeNode(network).node.connect(await listen(a));
    await soon('the end of the connection', closed);
    await until('it ended', () => a.node.heuristics.closed === 1);
    expect(order).toEqual(['first']);
  });

  it.each<[string, () => typeof HANDLED | Promise<typeof HANDLED>]>([
    ['HANDLED', () => HANDLED],
    ['a promise of HANDLED', () => Promise.resolve<typeof HANDLED>(HANDLED)],
  ])('%s keeps the message from later ones, and only that message', async (_, answer) => {
    const order: string[] = [];
    const network = inMemory();
    const a = makeNode(network, { onMessage: (message) => (message === 'mine' ? answer() : undefined) });
    a.node.use({ onMessage: (message) => void order.push(message) });
    const [connection] = await join(makeNode(network), a);
    for (const message of ['one', 'mine', 'two']) await connection.send(message);
    await until('the last arrived', () => order.includes('two'));
    expect(order).toEqual(['one', 'two']);
  });

  it('when one of them ends the connection, later ones do not see the message', async () => {
    const order: string[] = [];
    const network = inMemory();
    const a = makeNode(network, {
      onMessage: (_message, connection) => void connection.disconnect('no more'),
    });
    a.node.use({ onMessage: () => void order.push('second') });
    const [connection] = await join(makeNode(network), a);
    await connection.send('x');
    await until('it ended', () => a.closed.length === 1);
    expect(order).toEqual([]);
  });

  it('every onDisconnect runs, though one before it hangs until it is abandoned', async () => {
    const order: number[] = [];
    const network = inMemory();
    const a = makeNode({ ...network, onDisconnectTimeoutMs: 20 }, { onDisconnect: () => void order.push(1) });
    a.node.use({ onDisconnect: never }).use({ onDisconnect: () => void order.push(3) });
    const [connection] = await join(a, makeNode(network));
    expect(await connection.disconnect()).toBe(true);
    expect(order).toEqual([3, 1]);
    expect(a.node.heuristics.hookTimeouts).toBe(1);
  });

  it('every onDisconnect runs, though others throw', async () => {
    const order: number[] = [];
    const network = inMemory();
    const a = makeNode(network, { onDisconnect: () => void order.push(1) });
    a.node.use({ onDisconnect: () => Promise.reject(new Error('two')) }).use({
      onDisconnect: () => {
        throw new Error('three');
      },
    });
    const [connection] = await join(a, makeNode(network));
    expect(await connection.disconnect()).toBe(true);
    expect(order).toEqual([1]);
    expect(a.node.heuristics.hookErrors).toBe(2);
  });
});

describe('statistics', () => {
  it('count messages and bytes both ways exactly, on connection and node, and survive a disconnect', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [there, back] = await join(a, b);
    for (let index = 0; index < 10; index++) await there.send('12345');
    await back.send('1');
    await until('all arrived', () => b.messages.length === 10 && a.messages.length === 1);
    const expected = { messagesSent: 10, bytesSent: 60, messagesReceived: 1, bytesReceived: 2 };
    expect(there.stats).toMatchObject(expected);
    expect(back.stats).toMatchObject({
      messagesSent: 1,
      bytesSent: 2,
      messagesReceived: 10,
      bytesReceived: 60,
    });
    await there.disconnect();
    await join(a, b);
    await a.opened[1]!.send('x');
    expect(a.node.stats).toMatchObject({ ...expected, messagesSent: 11, bytesSent: 62 });
    expect(a.node.stats.since).toBeGreaterThan(Date.parse('2020-01-01'));
  });

  it('every connection has onConnect and onDisconnect exactly once, and all views agree, under churn', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, maxInbound: 100, maxConnectionsPerIp: 100 });
    await listen(a);
    for (let round = 0; round < 20; round++) {
      const peers = Array.from({ length: 5 }, () => makeNode(network));
      const connections = await Promise.all(peers.map(({ node }) => node.connect(a.node.address!)));
      assertConsistent(a.node);
      await Promise.all(connections.map((connection) => connection.disconnect()));
    }
    await until('all are gone', () => a.node.connections.size === 0);
    expect(a.opened).toHaveLength(100);
    expect(new Set(a.closed.map(({ connection }) => connection.id)).size).toBe(100);
    expect(a.closed).toHaveLength(100);
  });

  it('the local address of a connection whose peer reset it is where it was accepted', async () => {
    const seen: string[] = [];
    const a = makeNode({}, { onDisconnect: ({ localAddress }) => void seen.push(localAddress.toString()) });
    const address = await listen(a);
    const socket = await rawConnect(address);
    await until('it is open', () => a.opened.length === 1);
    socket.resetAndDestroy();
    await until('it ended', () => a.closed.length === 1);
    expect(seen).toEqual([address.toString()]);
  });

  it('onDisconnect may return anything that has a then', async () => {
    let settle!: () => void;
    const thenable = { then: (settled: () => void) => void (settle = settled) };
    const a = makeNode({}, { onDisconnect: () => thenable as never });
    const b = makeNode();
    const [connection] = await join(a, b);
    const ended = connection.disconnect();
    await until('it is waited for', () => settle !== undefined);
    expect(connection.state).toBe('closing');
    settle();
    expect(await ended).toBe(true);
    expect(a.node.heuristics.hookErrors).toBe(0);
  });
});
