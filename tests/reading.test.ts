import { describe, expect, it } from '@jest/globals';
import { NEED_MORE, PeerError, type ByteQueue, type Codec, type Hooks } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  inMemory,
  join,
  lab,
  listen,
  rawConnect,
  socketClosed,
  soon,
  textCodec,
  until,
} from '@pea2pea/testing';
import { letArrive } from './support/let-arrive.js';

const { makeNode } = lab();

/** A handler whose messages are finished by hand. */
function slowHandler(): { hooks: Hooks<string>; begun: string[]; finish: (() => void)[] } {
  const begun: string[] = [];
  const finish: (() => void)[] = [];
  const hooks: Hooks<string> = {
    onMessage(message) {
      begun.push(message);
      return new Promise<void>((resolve) => finish.push(resolve));
    },
  };
  return { hooks, begun, finish };
}

describe('decoding', () => {
  it('each connection has a decoder of its own, told which side opened it', async () => {
    const made: string[] = [];
    const codec: Codec<string> = {
      decoder: (context) => (made.push(context.direction), textCodec().decoder(context)),
      encoder: textCodec().encoder,
    };
    const network = inMemory();
    const [a, b, c] = [makeNode({ ...network, codec }), makeNode({ ...network, codec }), makeNode(network)];
    await join(a, b);
    await join(c, a);
    expect(made.sort()).toEqual(['inbound', 'inbound', 'outbound']);
  });

  it('a message split over many packets arrives whole, many in one packet arrive apart', async () => {
    const a = makeNode();
    const socket = await rawConnect(await listen(a));
    socket.setNoDelay(true);
    for (const byte of 'slowly\n') {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(Array.from({ length: 1000 }, (_, index) => `${index}\n`).join(''));
    await until('all arrived', () => a.messages.length === 1001);
    expect(a.messages.slice(0, 3)).toEqual(['slowly', '0', '1']);
    expect(a.messages.at(-1)).toBe('999');
    socket.destroy();
  });

  it('a decode error ends the connection after the messages before it, and its bytes still count', async () => {
    const { hooks, begun, finish } = slowHandler();
    const a = makeNode({}, hooks);
    const socket = await rawConnect(await listen(a));
    socket.write('one\ntwo\n!\nthree\n');
    await until('the first is handled', () => begun.length === 1);
    expect(a.closed).toHaveLength(0);
    finish[0]!();
    await until('the second is handled', () => begun.length === 2);
    finish[1]!();
    await until('the connection ended', () => a.closed.length === 1);
    expect(begun).toEqual(['one', 'two']);
    expect(a.closed[0]!.reason).toMatchObject({
      origin: 'reading',
      cause: 'invalid-frame',
      error: { code: 'P2P_ERR_INVALID_FRAME' },
    });
    expect(a.opened[0]!.stats).toMatchObject({ messagesReceived: 2, bytesReceived: 16 });
    socket.destroy();
  });

  it('the end of the stream ends the connection, once the messages before it were handled', async () => {
    const { hooks, begun, finish } = slowHandler();
    const a = makeNode({}, hooks);
    const socket = await rawConnect(await listen(a));
    socket.end('one\ntwo\n');
    await until('the first is handled', () => begun.length === 1);
    finish[0]!();
    await until('the second is handled', () => begun.length === 2);
    expect(a.closed).toHaveLength(0);
    finish[1]!();
    await until('the connection ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'ended' });
    socket.destroy();
  });

  it('an end in the middle of a frame is a truncated frame', async () => {
    const a = makeNode();
    const socket = await rawConnect(await listen(a));
    socket.end('whole\nhalf');
    await until('the connection ended', () => a.closed.length === 1);
    expect(a.messages).toEqual(['whole']);
    expect(a.closed[0]!.reason).toMatchObject({
      cause: 'invalid-frame',
      error: { code: 'P2P_ERR_TRUNCATED_FRAME' },
    });
    socket.destroy();
  });

  it('a decoder may answer a last message at the end of the stream', async () => {
    const codec: Codec<string> = {
      encoder: textCodec().encoder,
      decoder: (context) => ({
        decode: (input) => textCodec().decoder(context).decode(input),
        end: (input) => `${input.readText(input.length)} (end)`,
      }),
    };
    const a = makeNode({ codec });
    const socket = await rawConnect(await listen(a));
    socket.end('whole\nrest');
    await until('the connection ended', () => a.closed.length === 1);
    expect(a.messages).toEqual(['whole', 'rest (end)']);
    expect(a.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'ended' });
    socket.destroy();
  });

  it.each([null, 0, ''])('%p is a message like any other, the last one included', async (value) => {
    const heard: unknown[] = [];
    const codec = {
      encoder: textCodec().encoder,
      decoder: (context) => ({
        decode: (input) => (textCodec().decoder(context).decode(input) === NEED_MORE ? NEED_MORE : value),
        end: (input) => (input.skip(input.length), value),
      }),
    } as Codec<unknown, string> as Codec<string>;
    const a = makeNode({ codec }, { onMessage: (message) => void heard.push(message) });
    const socket = await rawConnect(await listen(a));
    socket.end('whole\nrest');
    await until('the connection ended', () => a.closed.length === 1);
    expect(heard).toEqual([value, value]);
    socket.destroy();
  });

  it.each([
    ['undefined', (input: ByteQueue) => input.skip(input.length), 'P2P_ERR_BAD_DECODER'],
    [
      'a promise',
      (input: ByteQueue) => (input.skip(input.length), Promise.resolve('late')),
      'P2P_ERR_BAD_DECODER',
    ],
    ['a message for no byte', () => 'again', 'P2P_ERR_STALLED_DECODER'],
  ])('a decoder that returns %s is stopped and told so', async (_what, decode, code) => {
    const codec = { encoder: textCodec().encoder, decoder: () => ({ decode }) } as Codec<
      unknown,
      string
    > as Codec<string>;
    const a = makeNode({ codec });
    const socket = await rawConnect(await listen(a));
    socket.write('x');
    await until('the connection ended', () => a.closed.length === 1);
    expect(a.messages).toEqual([]);
    expect(a.closed[0]!.reason).toMatchObject({
      cause: 'invalid-frame',
      error: { code },
    });
    socket.destroy();
  });

  it('a decoder that holds several messages of one record hands over all of them', async () => {
    const codec: Codec<string> = {
      encoder: textCodec().encoder,
      decoder: (context) => {
        const lines = textCodec().decoder(context);
        const held: string[] = [];
        return {
          decode(input) {
            const record = held.length > 0 ? NEED_MORE : lines.decode(input);
            if (record !== NEED_MORE) held.push(...record.split(','));
            return held.shift() ?? NEED_MORE;
          },
          holds: () => held.length > 0,
        };
      },
    };
    const { hooks, begun, finish } = slowHandler();
    const a = makeNode({ codec }, hooks);
    const socket = await rawConnect(await listen(a));
    socket.end('a,b,c\nd,e\n');
    for (let index = 0; index < 5; index++) {
      await until('the next began', () => begun.length === index + 1);
      finish[index]!();
    }
    await until('the connection ended', () => a.closed.length === 1);
    expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(a.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'ended' });
    socket.destroy();
  });

  it('a decoder that throws when it is asked what it holds ends its connection as any bad frame', async () => {
    const codec: Codec<string> = {
      encoder: textCodec().encoder,
      decoder: (context) => ({
        ...textCodec().decoder(context),
        holds: () => {
          throw new Error('holds nothing together');
        },
      }),
    };
    const a = makeNode({ codec });
    const socket = await rawConnect(await listen(a));
    await until('the connection ended', () => a.closed.length === 1);
    expect(a.opened).toHaveLength(1);
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'reading', cause: 'invalid-frame' });
    expect(a.node.heuristics).toMatchObject({ openedInbound: 1, handshakeFailures: 0, closed: 1 });
    socket.destroy();
  });

  it('a message in whose decoding the connection is ended is dropped, as those after it', async () => {
    const ended: Promise<boolean>[] = [];
    const codec: Codec<string> = {
      decoder: (context) => {
        const lines = textCodec().decoder(context);
        return {
          decode: (input) => {
            const message = lines.decode(input);
            if (message === 'banned') ended.push([...a.node.connections][0]!.disconnect('banned'));
            return message;
          },
        };
      },
      encoder: textCodec().encoder,
    };
    const network = inMemory();
    const a = makeNode({ ...network, codec });
    const [there] = await join(makeNode(network), a);
    await there.send('before\nbanned\nafter');
    await until('it was ended', () => ended.length === 1);
    expect(await ended[0]).toBe(true);
    expect(a.messages).toEqual(['before']);
  });

  it('a connection that is reset ends with a stream error', async () => {
    const a = makeNode();
    const socket = await rawConnect(await listen(a));
    socket.write('hello\n');
    await until('it arrived', () => a.messages.length === 1);
    socket.resetAndDestroy();
    await until('the connection ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toMatchObject({
      origin: 'reading',
      cause: 'stream-error',
      error: { code: 'ECONNRESET' },
    });
  });
});

describe('handling', () => {
  it('messages of a connection are handled one at a time, in order; other connections go on', async () => {
    const { hooks, begun, finish } = slowHandler();
    const network = inMemory();
    const [a, b, c] = [makeNode(network, hooks), makeNode(network), makeNode(network)];
    const [fromB] = await join(b, a);
    const [fromC] = await join(c, a);
    await Promise.all([fromB.send('b1'), fromB.send('b2')]);
    await until('the first began', () => begun.length === 1);
    await fromC.send('c1');
    await until('the other connection is served', () => begun.length === 2);
    expect(begun).toEqual(['b1', 'c1']);
    finish[0]!();
    await until('the next began', () => begun.length === 3);
    expect(begun).toEqual(['b1', 'c1', 'b2']);
    for (const done of finish) done();
  });

  it('a full inbound queue slows the sender down, and nothing is lost', async () => {
    const { hooks, begun, finish } = slowHandler();
    const a = makeNode({ inboundQueueBytes: 20_000 }, hooks);
    const b = makeNode({ outboundQueueBytes: 64 * 1024, writeTimeoutMs: 20_000 });
    const [connection] = await join(b, a);
    const message = 'x'.repeat(10_000);
    let sent = 0;
    await until('the sender is held back', () => {
      for (let more = 0; more < 100 && connection.trySend(message); more++) sent++;
      return connection.bufferedBytes >= 64 * 1024 && begun.length === 1;
    });
    // What the kernels of both systems buffer is a few megabytes; what we hold is bounded.
    await until('our own part is full', () => a.node.bufferedBytes >= 20_000);
    expect(a.node.bufferedBytes).toBeLessThan(20_000 + 64 * 1024);
    expect(a.node.stats.messagesReceived).toBe(1);
    while (begun.length < sent) {
      finish[begun.length - 1]!();
      const handled = begun.length;
      await until('the next one began', () => begun.length > handled);
    }
    finish[sent - 1]!();
    expect(begun).toHaveLength(sent);
    expect(a.node.heuristics.droppedMessages).toBe(0);
  });

  it("whenInboundFull 'drop' throws the oldest away, counts it, and logs once a second", async () => {
    const { hooks, begun, finish } = slowHandler();
    // Room for two messages of two bytes.
    const a = makeNode({ ...inMemory(), inboundQueueBytes: 5, whenInboundFull: 'drop' }, hooks);
    const b = makeNode({ transport: a.node.config.transport });
    const [connection] = await join(b, a);
    for (let index = 0; index < 10; index++) connection.trySend(String(index));
    await until('the surplus was dropped', () => a.node.heuristics.droppedMessages === 7);
    for (let index = 0; index < 3; index++) {
      await until('the next began', () => begun.length === index + 1);
      finish[index]!();
    }
    expect(begun).toEqual(['0', '8', '9']);
    expect(a.log.filter(({ text }) => text.includes('dropped'))).toHaveLength(1);
  });

  it("what 'drop' throws away in a turn is bounded, too", async () => {
    const { hooks, begun, finish } = slowHandler();
    // Time stands still: only the number of messages counts.
    const clock = new ControlledClock();
    const a = makeNode({ clock, inboundQueueBytes: 6, whenInboundFull: 'drop' }, hooks);
    const greedy = await rawConnect(await listen(a));
    const total = 300_000;
    greedy.write(`first\n${'\n'.repeat(total)}last\n`);
    letArrive();
    let before = 0;
    let most = 0;
    await until('the surplus was dropped', () => {
      const { droppedMessages } = a.node.heuristics;
      most = Math.max(most, droppedMessages - before);
      before = droppedMessages;
      return droppedMessages === total;
    });
    expect(most).toBeLessThanOrEqual(64 * 1024);
    finish[0]!();
    await until('the newest is handled', () => begun.length === 2);
    expect(begun).toEqual(['first', 'last']);
    greedy.destroy();
  });

  it('without a message handler bytes are counted, wait to be asked for, and hold no memory beyond the queue', async () => {
    const a = makeNode({ inboundQueueBytes: 1_024 }, { onMessage: undefined as never });
    const socket = await rawConnect(await listen(a));
    socket.write('a\nb\n'.repeat(1_000_000));
    await until('some arrived', () => (a.opened[0]?.stats.bytesReceived ?? 0) >= 1_024);
    expect(a.opened[0]!.stats.messagesReceived).toBe(0);
    expect(await a.opened[0]!.next()).toBe('a');
    expect(a.node.bufferedBytes).toBeLessThan(1_024 + 64 * 1_024 + 1);
    socket.destroy();
  });

  it.each(['throws', 'rejects'])('a handler that %s ends its connection with its own reason', async (how) => {
    const error = new Error('a bug');
    const network = inMemory();
    const a = makeNode(network, {
      onMessage: (message) => {
        if (message !== 'bad') return;
        if (how === 'throws') throw error;
        return Promise.reject(error);
      },
    });
    const [b, c] = [makeNode(network), makeNode(network)];
    const [bad] = await join(b, a);
    const [good] = await join(c, a);
    await bad.send('bad');
    await until('its connection ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'handler-error', error });
    await good.send('good');
    await until('the other lives', () => a.node.stats.messagesReceived === 2);
    expect(a.node.connections.size).toBe(1);
  });

  it.each(['throws', 'rejects'])('onError may keep a connection whose handler %s', async (how) => {
    const contexts: unknown[] = [];
    const handled: string[] = [];
    const network = inMemory();
    const a = makeNode(network, {
      onMessage: (message) => {
        handled.push(message);
        if (message !== 'bad') return;
        if (how === 'throws') throw new Error('a bug');
        return Promise.reject(new Error('a bug'));
      },
      onError: (_error, context) => (contexts.push(context.hook), 'keep'),
    });
    const [connection] = await join(makeNode(network), a);
    await Promise.all(['one', 'bad', 'two'].map((message) => connection.send(message)));
    await until('all were handled', () => handled.length === 3);
    expect(contexts).toEqual(['onMessage']);
    expect(a.node.heuristics.hookErrors).toBe(1);
    expect(connection.state).toBe('open');
  });

  const thenables: [string, (answer: () => void) => unknown][] = [
    ['calls back twice', (answer) => ({ then: (done: () => void) => (done(), done(), answer()) })],
    [
      'calls back both ways',
      (answer) => ({
        then: (done: () => void, fail: (error: Error) => void) => (done(), fail(new Error()), answer()),
      }),
    ],
    [
      'calls back, then throws',
      (answer) => ({
        then: (done: () => void) => {
          done();
          answer();
          throw new Error('after all');
        },
      }),
    ],
    [
      'is a promise with a then of its own',
      (answer) =>
        Object.assign(Promise.resolve().then(answer), { then: (done: () => void) => (done(), done()) }),
    ],
  ];
  it.each(thenables)('an answer that %s is settled once', async (_what, make) => {
    const network = inMemory();
    let overlaps = 0;
    let handling = 0;
    let handled = 0;
    const a = makeNode(network, {
      onMessage: (message) => {
        if (handling > 0) overlaps++;
        if (message === 'odd') return make(() => handled++) as Promise<void>;
        handling++;
        return Promise.resolve().then(() => {
          handling--;
          handled++;
        });
      },
    });
    const [connection] = await join(makeNode(network), a);
    for (const message of ['odd', 'one', 'two', 'odd', 'three']) connection.trySend(message);
    await until('all were handled', () => handled === 5);
    expect(overlaps).toBe(0);
    expect(a.closed).toEqual([]);
  });

  it('an answer whose then throws is a handler that threw, and the connection that is kept goes on', async () => {
    const network = inMemory();
    const handled: string[] = [];
    const broken = {
      then() {
        throw new Error('a bug');
      },
    };
    const a = makeNode(network, {
      onMessage: (message) => (handled.push(message), message === 'odd' ? (broken as never) : undefined),
      onError: () => 'keep',
    });
    const [connection] = await join(makeNode(network), a);
    for (const message of ['one', 'odd', 'two']) connection.trySend(message);
    await until('all were handled', () => handled.length === 3);
    expect(a.node.heuristics.hookErrors).toBe(1);
    expect(a.node.connections.size).toBe(1);
  });

  it('a handler that keeps messages of its connection waiting for long is told about, once', async () => {
    const clock = new ControlledClock();
    const network = inMemory();
    const a = makeNode({ ...network, clock }, { onMessage: () => new Promise(() => {}) });
    const warnings = () =>
      a.log.filter(({ level, text }) => level === 'warn' && text.includes('has not settled'));
    const [connection, back] = await join(makeNode(network), a);
    const pass = async (seconds: number): Promise<void> => {
      for (let second = 0; second < seconds; second++) {
        clock.advance(1_000);
        for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    connection.trySend('works for long');
    await until('it is being handled', () => back.stats.messagesReceived === 1);
    await pass(30);
    expect(warnings()).toEqual([]); // nobody waits for it
    connection.trySend('what it waits for');
    await until('it arrived', () => a.node.bufferedBytes > 0);
    await pass(30);
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]!.fields).toMatchObject({ connection: back.id, waitingBytes: a.node.bufferedBytes });
  });

  it('reading starts when the connection is fully set up: onConnect begins before the first message', async () => {
    const order: string[] = [];
    const a = makeNode(
      {},
      {
        onHandshake: async (handshake) => void (await handshake.read(2)),
        onConnect: async () => {
          order.push('connect');
          await Promise.resolve();
        },
        onMessage: (message) => void order.push(message),
      },
    );
    const socket = await rawConnect(await listen(a));
    socket.write('hifirst\n');
    await until('the message arrived', () => order.length === 2);
    expect(order).toEqual(['connect', 'first']);
    socket.destroy();
  });
});

describe('the byte budget of a node', () => {
  it('pauses reading beyond maxBufferedBytes, and resumes when bytes are handled', async () => {
    const { hooks, begun, finish } = slowHandler();
    const network = inMemory();
    const a = makeNode({ ...network, maxBufferedBytes: 100_000, inboundQueueBytes: 1_000_000 }, hooks);
    const peers = [makeNode(network), makeNode(network), makeNode(network)];
    const connections = [];
    for (const peer of peers) connections.push((await join(peer, a))[0]);
    for (const connection of connections)
      for (let index = 0; index < 20; index++) connection.trySend('x'.repeat(10_000));
    await until('the budget is tight', () => a.node.bufferedBytes > 50_000);
    expect(a.node.bufferedBytes).toBeLessThan(100_000 + 3 * 64 * 1024);
    for (let index = 0; index < 60; index++) {
      await until('the next began', () => begun.length > index || finish.length > index);
      finish[index]!();
    }
    await until('all was handled', () => begun.length === 60);
    await until('nothing is held', () => a.node.bufferedBytes === 0);
  });
});

describe('the idle timeout', () => {
  it('ends a connection without a complete message, is counted, and resets with every message', async () => {
    const clock = new ControlledClock();
    const network = inMemory();
    const a = makeNode({ ...network, clock, idleTimeoutMs: 1000 });
    const [connection] = await join(makeNode(network), a);
    for (let second = 0; second < 3; second++) {
      clock.advance(800);
      await connection.send('still here');
      await until('it arrived', () => a.messages.length === second + 1);
    }
    expect(a.closed).toHaveLength(0);
    clock.advance(1200);
    await until('it ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'idle-timeout' });
    expect(a.node.heuristics.idleTimeouts).toBe(1);
  });

  it('bounds how long a peer that has gone waits for a handler that never settles', async () => {
    const clock = new ControlledClock();
    const a = makeNode({ clock, idleTimeoutMs: 1000 }, { onMessage: () => new Promise(() => {}) });
    const socket = await rawConnect(await listen(a));
    socket.end('one\ntwo\n');
    await until('both arrived', () => a.node.stats.bytesReceived === 8);
    await until('the end was noticed', () => {
      clock.advance(100);
      return a.closed.length === 1;
    });
    expect(a.closed[0]!.reason).toEqual({ origin: 'reading', cause: 'ended' });
    expect(a.node.heuristics).toMatchObject({ droppedBytes: 4, idleTimeouts: 0 });
    socket.destroy();
  });

  it('0 switches it off', async () => {
    const clock = new ControlledClock();
    const network = inMemory();
    const a = makeNode({ ...network, clock, idleTimeoutMs: 0 });
    await join(makeNode({ ...network, idleTimeoutMs: 0 }), a);
    clock.advance(10 * 24 * 3_600_000);
    expect(a.node.connections.size).toBe(1);
  });

  it('bytes that make no message do not count, and a connection that waits for its own handler is not idle', async () => {
    const clock = new ControlledClock();
    const { hooks, begun, finish } = slowHandler();
    const a = makeNode({ clock, idleTimeoutMs: 1000 }, hooks);
    const socket = await rawConnect(await listen(a));
    socket.write('work\n');
    await until('the handler began', () => begun.length === 1);
    clock.advance(5000);
    expect(a.closed).toHaveLength(0);
    finish[0]!();
    await until('the handler ended', () => finish.length === 1);
    socket.write('drip');
    await until('the bytes arrived', () => a.node.stats.bytesReceived === 9);
    clock.advance(1300);
    await until('it ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toMatchObject({ cause: 'idle-timeout' });
    await soon('the socket sees it', socketClosed(socket));
  });
});

// INVARIANT: fair-turns.
it('handlers that compute after an await are called once each in a turn that is long already', async () => {
  const clock = new ControlledClock();
  const [peers, each] = [40, 10];
  let [thisTurn, most, handled] = [0, 0, 0];
  const a = makeNode(
    { clock, maxConnectionsPerIp: peers },
    {
      async onMessage() {
        most = Math.max(most, ++thisTurn);
        handled++;
        await Promise.resolve();
        clock.advance(5);
      },
    },
  );
  const address = await listen(a);
  const sockets = await Promise.all(Array.from({ length: peers }, () => rawConnect(address)));
  await until('all are there', () => a.opened.length === peers);
  let isOver = false;
  const count = (): void => {
    thisTurn = 0;
    if (!isOver) setImmediate(count);
  };
  count();
  for (const socket of sockets) socket.write('x\n'.repeat(each));
  letArrive();
  await until('all were handled', () => handled === peers * each);
  isOver = true;
  // Those of the first 20 ms are called more often.
  expect(most).toBeLessThan(peers * 1.5);
});

describe('what a peer does wrong', () => {
  it('a frame that declares more than its limit ends that connection with one log line, the others work', async () => {
    const codec = textCodec({ maxLength: 100 });
    const a = makeNode({ codec });
    const [good] = await join(makeNode(), a);
    const socket = await rawConnect(a.node.address!);
    socket.write('x'.repeat(101));
    await soon('the end', socketClosed(socket));
    expect(a.closed[0]!.reason).toMatchObject({
      cause: 'invalid-frame',
      error: expect.any(PeerError),
    });
    const warnings = a.log.filter(({ level }) => level === 'warn' || level === 'error');
    expect(warnings).toEqual([
      expect.objectContaining({
        text: 'disconnected',
        fields: expect.objectContaining({ code: 'P2P_ERR_FRAME_TOO_LARGE' }),
      }),
    ]);
    await good.send('unharmed');
    await until('the good peer is served', () => a.messages.length === 1);
  });
});
