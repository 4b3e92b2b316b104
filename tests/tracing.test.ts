import { afterEach, describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { HANDLED, type Hooks } from '@pea2pea/core';
import { inMemory, join, lab, turn, until } from '@pea2pea/testing';

const { makeNode } = lab();

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** What the channel is told of the node named `b`, from here to the end of the test. */
function trace(name: string): string[] {
  const phases: string[] = [];
  const note = (phase: string) => (event: unknown) => {
    const { node, error } = event as { readonly node: string; readonly error?: Error };
    if (node === 'b') phases.push(error === undefined ? phase : `${phase} ${error.message}`);
  };
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: note('asyncStart'),
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  };
  tracingChannel(name).subscribe(subscribers);
  cleanups.push(() => tracingChannel(name).unsubscribe(subscribers));
  return phases;
}

/** A node `b` with these hooks, and a connection to it. */
async function served(hooks: Hooks<string>) {
  const network = inMemory();
  const a = makeNode(network);
  const b = makeNode({ ...network, name: 'b' }, hooks);
  const [connection] = await join(a, b);
  return { connection, b };
}

describe('the tracing channel of messages', () => {
  it('has start and end of a handler that returns at once', async () => {
    const phases = trace('pea2pea:message');
    const handled: string[] = [];
    const { connection } = await served({ onMessage: (message) => void handled.push(message) });
    connection.trySend('one');
    await until('it was handled', () => handled.length === 1);
    expect(phases).toEqual(['start', 'end']);
  });

  it('has asyncStart and asyncEnd when the promise of a handler has settled, and the next message waits', async () => {
    const phases = trace('pea2pea:message');
    const finish: (() => void)[] = [];
    const { connection } = await served({
      onMessage: () => new Promise<void>((resolve) => finish.push(resolve)),
    });
    connection.trySend('one');
    connection.trySend('two');
    await until('it works', () => finish.length === 1);
    await turn(3);
    expect(phases).toEqual(['start', 'end']);
    finish[0]!();
    await until('the second works', () => finish.length === 2);
    expect(phases).toEqual(['start', 'end', 'asyncStart', 'asyncEnd', 'start', 'end']);
    finish[1]!();
  });

  it.each<[string, Hooks<string>['onMessage'], string[]]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
      ['start', 'error no', 'end no'],
    ],
    [
      'rejects',
      () => Promise.reject(new Error('no')),
      ['start', 'end', 'error no', 'asyncStart no', 'asyncEnd no'],
    ],
  ])(
    'has the error of a handler that %s, which ends the connection all the same',
    async (_, onMessage, seen) => {
      const phases = trace('pea2pea:message');
      const { connection, b } = await served({ onMessage: onMessage! });
      connection.trySend('one');
      await until('it has ended', () => b.closed.length === 1);
      expect(phases).toEqual(seen);
      expect(b.closed[0]!.reason).toMatchObject({ origin: 'reading', cause: 'handler-error' });
    },
  );

  it('is not told any more when nobody subscribes', async () => {
    const phases = trace('pea2pea:message');
    const handled: string[] = [];
    const { connection } = await served({ onMessage: (message) => void handled.push(message) });
    connection.trySend('one');
    await until('it was handled', () => handled.length === 1);
    for (const cleanup of cleanups.splice(0)) cleanup();
    connection.trySend('two');
    await until('it was handled', () => handled.length === 2);
    expect(phases).toEqual(['start', 'end']);
  });
});

describe('the tracing channel of dials', () => {
  it('is around a dial with its handshake, and has the error of one that fails', async () => {
    const phases = trace('pea2pea:dial');
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode({ ...network, name: 'b' })];
    await join(b, a);
    expect(phases).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    phases.length = 0;
    await expect(b.node.connect('127.0.0.1:9')).rejects.toThrow();
    expect(phases.map((phase) => phase.split(' ')[0])).toEqual([
      'start',
      'end',
      'error',
      'asyncStart',
      'asyncEnd',
    ]);
  });
});

describe('aroundMessage', () => {
  it('is around all onMessage hooks; the first of several is the outermost', async () => {
    const order: string[] = [];
    const storage = new AsyncLocalStorage<string>();
    const network = inMemory();
    const b = makeNode(network, {
      aroundMessage: async (message, _connection, next) => {
        order.push(`first before ${message}`);
        await storage.run('here', async () => next());
        order.push('first after');
      },
      onMessage: (message) => void order.push(`handler ${message} ${storage.getStore()}`),
    });
    b.node.use({
      aroundMessage: (_message, _connection, next) => {
        order.push('second before');
        const result = next();
        order.push('second after');
        return result;
      },
    });
    const [connection] = await join(makeNode(network), b);
    connection.trySend('one');
    connection.trySend('two');
    await until('both were handled', () => order.filter((line) => line === 'first after').length === 2);
    const each = (message: string): string[] => [
      `first before ${message}`,
      'second before',
      `handler ${message} here`,
      'second after',
      'first after',
    ];
    expect(order).toEqual([...each('one'), ...each('two')]);
  });

  it('that does not call next keeps the message from everybody, and HANDLED works inside it', async () => {
    const seen: string[] = [];
    const network = inMemory();
    const b = makeNode(network, {
      aroundMessage: (message, _connection, next) => (message === 'secret' ? undefined : next()),
      onMessage: (message) => {
        seen.push(message);
        return HANDLED;
      },
    });
    b.node.use({ onMessage: (message) => void seen.push(`late ${message}`) });
    const [connection] = await join(makeNode(network), b);
    connection.trySend('secret');
    connection.trySend('open');
    await until('it was handled', () => seen.length > 0);
    expect(seen).toEqual(['open']);
  });

  it('that throws ends the connection as a handler that throws', async () => {
    const { connection, b } = await served({
      aroundMessage: () => {
        throw new Error('no');
      },
      onMessage: () => {},
    });
    connection.trySend('one');
    await until('it has ended', () => b.closed.length === 1);
    expect(b.closed[0]!.reason).toMatchObject({ origin: 'reading', cause: 'handler-error' });
  });

  it('of a node without onMessage leaves messages to those who ask for them', async () => {
    const network = inMemory();
    const [a, b] = [
      makeNode(network),
      makeNode(network, { aroundMessage: () => undefined, onMessage: undefined as never }),
    ];
    const [connection] = await join(a, b);
    connection.trySend('one');
    expect(await b.opened[0]!.next()).toBe('one');
  });
});
