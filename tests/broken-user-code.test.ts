import { describe, expect, it } from '@jest/globals';
import type { Codec, Hooks } from '@pea2pea/core';
import { inMemory, join, lab, listen, never, soon, type TestNode, textCodec, until } from '@pea2pea/testing';

const { makeNode } = lab();

const throws = (): never => {
  throw new Error('a bug');
};
const rejects = (): Promise<never> => Promise.reject(new Error('a bug'));

// jest fails a test that leaves an unhandled rejection behind: no test here may.

/** A good peer is served by `test`: nothing that happened hurt the node. */
async function expectUnharmed(test: TestNode, heard: () => boolean): Promise<void> {
  const peer = makeNode({ transport: test.node.config.transport });
  const connection = await soon('a good peer to connect', peer.node.connect(test.node.address!));
  await connection.send('good');
  await until('the good peer is served', heard);
}

describe('a handshake hook that', () => {
  const cases: [string, NonNullable<Hooks<string>['onHandshake']>][] = [
    ['throws', throws],
    ['rejects', rejects],
    ['never settles', never],
    ['destroys the stream', (handshake) => void handshake.takeStream().destroy()],
    [
      'destroys the stream with an error',
      (handshake) => void handshake.takeStream().destroy(new Error('oops')),
    ],
    ['upgrades to no stream', (handshake) => handshake.upgrade({} as never)],
    ['throws undefined', () => Promise.reject(undefined)],
    ['reads nonsense', async (handshake) => void (await handshake.read(-1))],
  ];

  it.each(cases)('%s fails that connection only', async (_what, broken) => {
    let first = true;
    const a = makeNode(
      { handshakeTimeoutMs: 60 },
      {
        onHandshake(handshake) {
          if (!first) return;
          first = false;
          return broken(handshake);
        },
      },
    );
    const b = makeNode();
    await listen(a);
    const connection = await b.node.connect(a.node.address!);
    await until('the broken one ended', () => connection.state === 'closed');
    await until('its slot is free', () => a.node.connections.size === 0 && a.node.connecting === 0);
    await expectUnharmed(a, () => a.messages.includes('good'));
  });
});

describe('a decoder that', () => {
  const cases: [string, Codec<string>['decoder']][] = [
    ['throws', () => ({ decode: throws })],
    ['answers garbage without consuming', () => ({ decode: () => 'garbage' })],
    ['cannot be made', throws],
    [
      'throws at the end of the stream',
      (context) => ({ decode: (input) => textCodec().decoder(context).decode(input), end: throws }),
    ],
  ];

  it.each(cases)('%s ends its connection only', async (_what, broken) => {
    let first = true;
    const codec: Codec<string> = {
      encoder: textCodec().encoder,
      decoder: (context) => {
        const decoder = first ? broken : textCodec().decoder;
        first = false;
        return decoder(context);
      },
    };
    const a = makeNode({ codec });
    const b = makeNode();
    await listen(a);
    const connection = await b.node.connect(a.node.address!);
    connection.trySend('x');
    connection.trySend('half'.slice(0, 2));
    if (_what.includes('end of the stream')) {
      connection.trySend('y');
      await connection.disconnect();
    }
    await until('the broken one ended', () => connection.state === 'closed' && a.node.connections.size === 0);
    await expectUnharmed(a, () => a.messages.includes('good'));
  });

  it('consumes nothing for ever is ended by a timeout, and what it holds is bounded', async () => {
    const codec: Codec<string> = {
      ...textCodec(),
      decoder: () => ({ decode: textCodec({ maxLength: Infinity }).decoder(undefined as never).decode }),
    };
    const a = makeNode({ codec, idleTimeoutMs: 300, maxBufferedBytes: 1024 * 1024 });
    const b = makeNode({ outboundQueueBytes: 64 * 1024 * 1024 });
    await listen(a);
    const connection = await b.node.connect(a.node.address!);
    connection.trySend('x'.repeat(20 * 1024 * 1024));
    let most = 0;
    await until('it ended', () => {
      most = Math.max(most, a.node.bufferedBytes);
      return a.closed.length === 1;
    });
    expect(a.closed[0]!.reason).toMatchObject({ cause: 'idle-timeout' });
    expect(most).toBeLessThan(1024 * 1024 + 128 * 1024);
  });
});

describe('a codec that is asynchronous', () => {
  it.each(['decoder', 'encoder'] as const)('in its %s fails the setup, though it rejects', async (half) => {
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    const network = inMemory();
    const later = (): never => Promise.reject(new Error('no')) as never;
    const a = makeNode({ ...network, codec: { ...textCodec(), [half]: later } });
    await listen(a);
    const connection = await makeNode(network).node.connect(a.node.address!);
    await until('it ended', () => connection.state === 'closed');
    process.off('unhandledRejection', onUnhandled);
    expect([a.node.heuristics.handshakeFailures, unhandled]).toEqual([1, []]);
    expect(a.log.find(({ level }) => level === 'warn')?.fields).toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
      err: { message: expect.stringContaining(`\`codec.${half}\` must return at once`) },
    });
  });
});

describe('an encoder that', () => {
  it('cannot be made fails the setup only', async () => {
    let first = true;
    const codec: Codec<string> = {
      decoder: textCodec().decoder,
      encoder: (context) => {
        if (!first) return textCodec().encoder(context);
        first = false;
        return throws();
      },
    };
    const network = inMemory();
    const a = makeNode({ ...network, codec });
    await listen(a);
    const connection = await makeNode(network).node.connect(a.node.address!);
    await until('it ended', () => connection.state === 'closed');
    expect(a.node.heuristics.handshakeFailures).toBe(1);
    await expectUnharmed(a, () => a.messages.includes('good'));
  });

  it('throws in a send that nobody awaits hurts nobody', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const [connection] = await join(a, b);
    void connection.send('!');
    await connection.send('fine');
    await until('it arrived', () => b.messages.length === 1);
  });
});

describe('a message handler that never settles', () => {
  it('blocks its own connection, which can still be ended from both sides', async () => {
    const network = inMemory();
    const a = makeNode(network, {
      onMessage: (message) => (message === 'stuck' ? never() : void a.messages.push(message)),
    });
    const [connection, back] = await join(makeNode(network), a);
    await connection.send('stuck');
    await until('it is stuck', () => back.stats.messagesReceived === 1);
    await expectUnharmed(a, () => a.messages.includes('good'));
    expect(await soon('the end', back.disconnect())).toBe(true);
  });
});

describe.each([
  ['throws', throws],
  ['rejects', rejects],
  ['never settles', never],
])('a hook that %s', (_how, broken) => {
  it('in onAccept refuses that peer only', async () => {
    let first = true;
    const network = inMemory();
    const a = makeNode(
      { ...network, handshakeTimeoutMs: 50 },
      {
        onAccept: () => {
          if (!first) return true;
          first = false;
          return broken();
        },
      },
    );
    await listen(a);
    const connection = await makeNode(network).node.connect(a.node.address!);
    await until('it was refused', () => connection.state === 'closed');
    await expectUnharmed(a, () => a.messages.includes('good'));
  });

  it('in onConnect hurts that connection at most', async () => {
    let first = true;
    const network = inMemory();
    const a = makeNode(network, {
      onConnect: () => {
        if (!first) return;
        first = false;
        return broken();
      },
    });
    await listen(a);
    await makeNode(network).node.connect(a.node.address!);
    await expectUnharmed(a, () => a.messages.includes('good'));
  });

  it('in onDisconnect does not keep the connection', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, onDisconnectTimeoutMs: 40 }, { onDisconnect: broken });
    const [connection] = await join(a, makeNode(network));
    expect(await soon('the teardown', connection.disconnect())).toBe(true);
    expect(a.node.connections.size).toBe(0);
  });

  it('in onError leaves the rule of the failed hook in force', async () => {
    const network = inMemory();
    const a = makeNode(network, { onMessage: throws, onError: broken as () => never });
    const [connection] = await join(makeNode(network), a);
    await connection.send('x');
    await until('the connection ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toMatchObject({ cause: 'handler-error' });
  });
});

describe('a logger that throws', () => {
  it('breaks nothing', async () => {
    const logger = { debug: throws, info: throws, warn: throws, error: throws, child: () => logger };
    const network = inMemory();
    const a = makeNode({ ...network, logger });
    const [connection] = await join(a, makeNode({ ...network, logger }));
    expect(await connection.disconnect()).toBe(true);
    await a.node.close();
  });
});

describe('a hook that re-enters', () => {
  it('disconnect inside onMessage and onDisconnect ends the connection once', async () => {
    const network = inMemory();
    const answers: boolean[] = [];
    const a = makeNode(network, {
      onMessage: async (_message, connection) =>
        void answers.push(await connection.disconnect('from onMessage')),
      onDisconnect: async (connection) => void answers.push(await connection.disconnect('from onDisconnect')),
    });
    const [connection] = await join(makeNode(network), a);
    await connection.send('x');
    await until('both were answered', () => answers.length === 2);
    expect(answers).toEqual([false, true]);
    expect(a.closed.map(({ reason }) => reason)).toEqual([{ origin: 'user', why: 'from onMessage' }]);
  });

  it('connect inside every hook works or rejects, and a rejection that nobody sees hurts nobody', async () => {
    const network = inMemory();
    const dial = (): void => void a.node.connect('10.0.0.1:1');
    const a = makeNode(network, {
      onAccept: dial,
      onHandshake: dial,
      onConnect: dial,
      onMessage: dial,
      onDisconnect: dial,
    });
    const [connection, back] = await join(makeNode(network), a);
    await connection.send('x');
    await until('it was handled', () => back.stats.messagesReceived === 1);
    await back.disconnect();
    await until('all dials failed', () => a.node.connecting === 0);
    expect(a.node.heuristics.connectFailures + a.node.heuristics.dialsRefused).toBe(5);
  });

  it('send inside onMessage to oneself and others keeps the order', async () => {
    const network = inMemory();
    const a = makeNode(network, {
      onMessage: (message, connection) =>
        void (connection.trySend(`${message}a`), connection.trySend(`${message}b`)),
    });
    const b = makeNode(network);
    const [connection] = await join(b, a);
    for (const message of ['1', '2', '3']) connection.trySend(message);
    await until('all came back', () => b.messages.length === 6);
    expect(b.messages).toEqual(['1a', '1b', '2a', '2b', '3a', '3b']);
  });
});
