import { describe, expect, it } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  PeerError,
  tcpTransport,
  type Connection,
  type ConnectionCloseDiagnostic,
  type DisconnectReason,
  type Logger,
} from '@pea2pea/core';
import { ControlledClock, seededRandom } from '@pea2pea/core/testing';
import { createPeer, OnDisconnect, Peer, Plugin } from '@pea2pea/decorators';
import { duplicateOf, reconnect, Reconnect, uniquePeer, type UniquePeerOptions } from '@pea2pea/policies';
import { ANYWHERE, peerErrorOf, textCodec, turn, until } from '@pea2pea/testing';
import { Gates, NAME, pair, party, portOf, type Pair } from './unique-peer-lab.js';

/** Each order in which two connections, 1 and 2, can open on both sides, left and right. */
const ORDERS = permutations(['L1', 'L2', 'R1', 'R2']);

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length <= 1) return [[...list]];
  return list.flatMap((first, index) =>
    permutations(list.filter((_, other) => other !== index)).map((rest) => [first, ...rest]),
  );
}

/** Opens connections in this order, and answers the one that is left: the same on both sides. */
async function survivor({ left, right }: Pair, gates: Gates, order: readonly string[]): Promise<number> {
  await until(() => gates.waiting === order.length);
  for (const step of order) await gates.open(step[0]!, Number(step.slice(1)));
  return settled({ left, right });
}

async function settled({ left, right }: Pair): Promise<number> {
  await until(() => left.node.connecting + right.node.connecting === 0);
  await until(() => left.ports().length <= 1 && right.ports().length <= 1);
  await turn(8);
  expect(left.ports()).toHaveLength(1);
  expect(right.ports()).toEqual(left.ports());
  return left.ports()[0]!;
}

describe('of two connections that were dialled by different sides', () => {
  it.each([
    ['ann', 'bob', 1],
    ['bob', 'ann', 2],
    ['Zoe', 'ann', 1], // by code units capitals come first
  ] as const)('%s and %s keep that of the smaller identity, in all 24 orders', async (left, right, kept) => {
    for (const order of ORDERS) {
      const gates = new Gates();
      await using both = await pair([left, right], { gates });
      const dials = [both.left.dial(both.right, 1), both.right.dial(both.left, 2)];
      expect([order, await survivor(both, gates, order)]).toEqual([order, kept]);
      await Promise.all(dials);
    }
  });

  it('both sides keep the same one over TCP, in 60 rounds of dialling at once', async () => {
    await using both = await pair(['ann', 'bob'], {
      transport: tcpTransport(),
      config: { listen: ANYWHERE },
    });
    const { left, right } = both;
    const random = seededRandom(7);
    for (let round = 0; round < 60; round++) {
      const [first, second] = random.next() < 0.5 ? [left, right] : [right, left];
      const dial = first.dial(second);
      await turn(Math.floor(random.next() * 6));
      await Promise.all([dial, second.dial(first)]);
      await settled(both);
      const [kept] = left.node.connections;
      expect([round, kept!.direction]).toEqual([round, 'outbound']);
      await kept!.disconnect();
      await until(() => right.node.connections.size + left.node.connections.size === 0);
    }
    expect(left.plugin.duplicates + right.plugin.duplicates).toBeGreaterThanOrEqual(60);
    expect([left.plugin.size, right.plugin.size]).toEqual([0, 0]);
  });
});

describe('of two connections that were dialled by the same side', () => {
  it.each([
    ['ann', 'bob'],
    ['bob', 'ann'],
  ] as const)(
    '%s, who dialled, leaves it to %s to keep the one that opened first there, in all 24 orders',
    async (...names) => {
      for (const order of ORDERS) {
        const gates = new Gates();
        await using both = await pair(names, { gates });
        const { left, right } = both;
        const dials = [left.dial(right, 1), left.dial(right, 2)];
        const first = Number(order.find((step) => step.startsWith('R'))![1]);
        expect([order, await survivor(both, gates, order)]).toEqual([order, first]);
        expect([left.plugin.duplicates, right.plugin.duplicates]).toEqual([0, 1]);
        expect(portOf(left.plugin.get(names[1])!)).toBe(first);
        await Promise.all(dials);
      }
    },
  );
});

describe('of many connections', () => {
  it('one is left, the same on both sides, whoever dialled which and in whatever order they open', async () => {
    const random = seededRandom(11);
    const below = (limit: number): number => Math.floor(random.next() * limit);
    for (let round = 0; round < 60; round++) {
      const gates = new Gates();
      await using both = await pair(['ann', 'bob'], { gates });
      const { left, right } = both;
      const routes = Array.from({ length: 2 + below(4) }, (_, index) => index + 1);
      const dials = routes.map((route) =>
        random.next() < 0.5 ? left.dial(right, route) : right.dial(left, route),
      );
      const steps = routes.flatMap((route) => [`L${route}`, `R${route}`]);
      const order: string[] = [];
      while (steps.length > 0) order.push(...steps.splice(below(steps.length), 1));
      await survivor(both, gates, order);
      await Promise.all(dials);
    }
  });
});

describe('a duplicate', () => {
  it('that is new is ended before anything behind the plugin hears of it', async () => {
    await using both = await pair(['ann', 'bob']);
    const { left, right } = both;
    await left.dial(right, 1);
    await until(() => right.ports().length === 1);
    const late = (await right.dial(left, 2))!;
    const reason = await late.closed;
    expect(reason).toMatchObject({ origin: 'user', error: { code: 'P2P_ERR_DUPLICATE_PEER' } });
    expect(late.context.get(duplicateOf)).toBe(right.plugin.get('ann'));
    expect(await settled(both)).toBe(1);
    expect(right.log).toEqual(['open 1']);
    expect(right.plugin.duplicates).toBe(1);
  });

  it('is no error and no warning in the log', async () => {
    const loud: string[] = [];
    const quiet = (): void => {};
    const logger: Logger = {
      debug: quiet,
      info: quiet,
      warn: (_, text) => void loud.push(text),
      error: (_, text) => void loud.push(text),
      child: () => logger,
    };
    await using both = await pair(['ann', 'bob'], { config: { logger } });
    await both.right.dial(both.left, 1);
    await both.left.dial(both.right, 2);
    expect(await settled(both)).toBe(2);
    expect(loud).toEqual([]);
  });

  it('that is old still delivers what was queued on it', async () => {
    const gates = new Gates();
    await using both = await pair(['ann', 'bob'], { gates });
    const { left, right } = both;
    const dials = [right.dial(left, 1), left.dial(right, 2)];
    await until(() => gates.waiting === 4);
    await gates.open('R', 1);
    await gates.open('L', 1);
    const [old] = left.node.connections;
    for (const text of ['a', 'b', 'c']) expect(old!.trySend(text)).toBe(true);
    const opened = gates.open('L', 2);
    await until(() => old!.state !== 'open');
    await opened;
    await until(() => right.log.length === 5);
    expect(right.log).toEqual(['open 1', '1: a', '1: b', '1: c', 'end 1']);
    await gates.open('R', 2);
    expect(await settled(both)).toBe(2);
    await Promise.all(dials);
  });

  it('says which connection was kept on the side that did not end it, too', async () => {
    await using both = await pair(['ann', 'bob']);
    const { left, right } = both;
    const first = (await left.dial(right, 1))!;
    const second = (await left.dial(right, 2))!;
    expect(await second.closed).toMatchObject({ origin: 'reading', cause: 'ended' });
    expect(second.context.get(duplicateOf)).toBe(first);
    expect(left.plugin.duplicates).toBe(0);
  });

  it('that ends does not take the one that is kept out of the plugin', async () => {
    await using both = await pair(['ann', 'bob']);
    const { left, right } = both;
    await right.dial(left, 1);
    await left.dial(right, 2);
    expect(await settled(both)).toBe(2);
    for (const { plugin, node } of [left, right]) {
      expect(plugin.size).toBe(1);
      expect(plugin.get(node === left.node ? 'bob' : 'ann')).toBe([...node.connections][0]);
    }
  });
});

describe('the plugin', () => {
  it('knows who is connected, by identity', async () => {
    await using both = await pair(['ann', 'bob']);
    const { left, right } = both;
    expect([left.plugin.size, left.plugin.get('bob')]).toEqual([0, undefined]);
    const connection = (await left.dial(right))!;
    expect([left.plugin.size, left.plugin.get('bob'), left.plugin.get('ann')]).toEqual([
      1,
      connection,
      undefined,
    ]);
    const ended = connection.disconnect();
    expect(left.plugin.get('bob')).toBeUndefined();
    await ended;
    expect(left.plugin.size).toBe(0);
  });

  it('forgets a connection whose onDisconnect hooks are abandoned', async () => {
    @Plugin()
    class Stuck {
      @OnDisconnect()
      never() {
        return new Promise<void>(() => {});
      }
    }
    await using both = await pair(['ann', 'bob'], {
      plugins: [Stuck],
      config: { onDisconnectTimeoutMs: 5 },
    });
    const connection = (await both.left.dial(both.right))!;
    await connection.disconnect();
    expect(both.left.plugin.size).toBe(0);
  });

  it('takes a function for the identity; a connection without one is not subject to it', async () => {
    const rule = {
      identity: ({ context }: Connection) => (context.get(NAME) === 'bob' ? undefined : context.get(NAME)),
    };
    await using both = await pair(['ann', 'bob'], { rule });
    const { left, right } = both;
    await left.dial(right, 1);
    await left.dial(right, 2);
    await until(() => right.plugin.duplicates === 1);
    expect([left.plugin.unidentified, left.plugin.size]).toEqual([2, 0]);
    expect([right.plugin.unidentified, right.plugin.size]).toEqual([0, 1]);
  });

  it('ends a connection whose peer has the identity of this node: it is itself', async () => {
    await using both = await pair(['ann', 'ann']);
    const connection = (await both.left.dial(both.right))!;
    expect(await connection.closed).toMatchObject({
      origin: 'user',
      why: expect.stringContaining('this node itself'),
    });
    expect([both.left.plugin.size, both.left.plugin.duplicates]).toEqual([0, 0]);
  });

  it.each<[string, Partial<UniquePeerOptions>]>([
    ['localIdentity', { localIdentity: () => undefined }],
    ['identity', { identity: (() => Buffer.from('ann')) as never }],
  ])('that cannot decide ends the connection, and names the option: %s', async (option, rule) => {
    await using right = await party('bob', {});
    await using left = await party('ann', { rule, transport: right.node.config.transport });
    const reasons: DisconnectReason[] = [];
    const note = (event: unknown): void => {
      const { node, reason } = event as ConnectionCloseDiagnostic;
      if (node === left.node.name) reasons.push(reason);
    };
    subscribe('pea2pea:connection:close', note);
    await left.dial(right, 1);
    await right.dial(left, 2); // a tie to break, unless the first has no identity
    await until(() => reasons.length > 0);
    unsubscribe('pea2pea:connection:close', note);
    expect(reasons[0]).toMatchObject({ origin: 'on-connect' });
    const { error } = reasons[0] as { error: unknown };
    expect(PeerError.is(error, 'P2P_ERR_INVALID_CONFIG') && error.message).toContain(`\`${option}\``);
  });
});

describe('a server that alone has the plugin', () => {
  it.each([
    ['keep-older', 1],
    ['keep-newer', 2],
  ] as const)('keeps one of two connections of a client: %s', async (onDuplicate, kept) => {
    await using server = await party('server', { rule: { onDuplicate } });
    await using client = await party('client', { transport: server.node.config.transport });
    await client.dial(server, 1);
    await until(() => server.ports().length === 1);
    await client.dial(server, 2);
    expect(await settled({ left: server, right: client })).toBe(kept);
    expect(server.plugin.duplicates).toBe(1);
  });

  it('does not count a connection that is ending', async () => {
    let letGo!: () => void;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    @Plugin()
    class Slow {
      @OnDisconnect()
      lastWords() {
        return held;
      }
    }
    await using server = await party('server', { rule: { onDuplicate: 'keep-older' }, plugins: [Slow] });
    await using client = await party('client', { transport: server.node.config.transport });
    await client.dial(server, 1);
    await until(() => server.ports().length === 1);
    const ended = [...server.node.connections][0]!.disconnect();
    await client.dial(server, 2);
    await until(() => server.plugin.get('client')?.state === 'open');
    expect(portOf(server.plugin.get('client')!)).toBe(2);
    letGo();
    await ended;
    expect([server.plugin.size, server.plugin.duplicates]).toEqual([1, 0]);
  });
});

describe('options that make no sense', () => {
  it.each([
    ['identity', {}],
    ['identity', { identity: 'name', localIdentity: 'x' }],
    ['localIdentity', { identity: NAME }],
    ['localIdentity', { identity: NAME, localIdentity: 5 }],
    ['onDuplicate', { identity: NAME, localIdentity: 'x', onDuplicate: 'newest' }],
    ['takeoverAfterMs', { identity: NAME, localIdentity: 'x', takeoverAfterMs: 999 }],
    ['keep', { identity: NAME, localIdentity: 'x', keep: 'older' }],
  ])('are refused by name when the peer is made: %s %j', async (option, options) => {
    @Peer({ codec: textCodec(), plugins: [uniquePeer(options as never)] })
    class Mistaken {}
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => createPeer(Mistaken));
    expect(error.message).toContain(`\`${option}\``);
  });

  it('are refused where there are none', async () => {
    @Peer({ codec: textCodec(), plugins: [(uniquePeer as unknown as () => never)()] })
    class Bare {}
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => createPeer(Bare));
  });

  it('do not compile: a tie cannot be broken without a local identity', () => {
    const keepOlder: UniquePeerOptions = { identity: NAME, onDuplicate: 'keep-older' };
    // @ts-expect-error localIdentity is missing
    const tieBreak: UniquePeerOptions = { identity: NAME };
    expect([keepOlder, tieBreak]).toHaveLength(2);
  });
});

describe('together with reconnect', () => {
  const RETRIES = { jitter: 0, minDelayMs: 1_000, maxDelayMs: 60_000 };
  const opened = ({ left, right }: Pair): number =>
    left.node.heuristics.openedOutbound + right.node.heuristics.openedOutbound;
  /** Whom each side counts as connected, as ports. */
  const connected = ({ handle }: Pick<Pair['left'], 'handle'>): number[] =>
    handle
      .get(Reconnect)
      .status()
      .flatMap((status) => (status.state === 'connected' ? [portOf(status.connection)] : []));

  it('two that dial each other have one connection, both count it as theirs, and nobody dials while it lives', async () => {
    const clock = new ControlledClock();
    await using both = await pair(['ann', 'bob'], {
      plugins: [reconnect({ ...RETRIES, shouldReconnect: () => true })],
      config: { clock },
    });
    const { left, right } = both;
    const isQuiet = (): boolean => left.node.connecting + right.node.connecting === 0;
    left.handle.get(Reconnect).add({ host: '127.0.0.1', port: right.address.port });
    right.handle.get(Reconnect).add({ host: '127.0.0.1', port: left.address.port });
    for (let round = 0; round < 5; round++) {
      await until(() => {
        const isDone = connected(left).length === 1 && connected(left).join() === connected(right).join();
        if (!isDone && isQuiet()) clock.advance(1_000);
        return isDone;
      });
      const port = await settled(both);
      expect([connected(left), connected(right)]).toEqual([[port], [port]]);
      const dialled = opened(both);
      for (let minute = 0; minute < 60; minute++) {
        clock.advance(60_000);
        await turn(2);
      }
      expect(opened(both)).toBe(dialled);
      await (round % 2 === 0 ? left.plugin.get('bob') : right.plugin.get('ann'))!.disconnect();
    }
  });

  it('a peer with two addresses has one connection, and both count as connected', async () => {
    const clock = new ControlledClock();
    await using both = await pair(['ann', 'bob'], { plugins: [reconnect(RETRIES)], config: { clock } });
    const { left, right } = both;
    const plugin = left.handle.get(Reconnect);
    for (const host of ['127.0.0.1', '127.0.0.2']) plugin.add({ host, port: right.address.port });
    await until(() => connected(left).length === 2);
    const port = await settled(both);
    await until(() => connected(left).join() === `${port},${port}`);
    clock.advance(3_600_000);
    await turn(8);
    expect(opened(both)).toBe(2);
  });

  it('a node without the plugin tries the second address of a peer that has it less and less often', async () => {
    const clock = new ControlledClock();
    await using server = await party('bob', { rule: {} });
    await using client = await party('ann', {
      transport: server.node.config.transport,
      plugins: [reconnect(RETRIES)],
      config: { clock },
    });
    const plugin = client.handle.get(Reconnect);
    const [first, second] = ['127.0.0.1', '127.0.0.2'].map((host) => ({ host, port: server.address.port }));
    plugin.add(first!);
    await until(() => plugin.status()[0]!.state === 'connected');
    await until(() => server.ports().length === 1);
    plugin.add(second!);
    const delays: number[] = [];
    for (let tries = 0; tries < 8; tries++) {
      await until(() => plugin.status()[1]!.state === 'waiting');
      const status = plugin.status()[1]!;
      if (status.state !== 'waiting') throw new Error('unreachable');
      delays.push(status.retryInMs);
      clock.advance(status.retryInMs);
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(plugin.status()[0]!.state).toBe('connected');
  });

  it('our own disconnect() of the connection that was kept is the last word', async () => {
    await using both = await pair(['ann', 'bob'], { plugins: [reconnect(RETRIES)] });
    const { left, right } = both;
    const plugin = left.handle.get(Reconnect);
    for (const host of ['127.0.0.1', '127.0.0.2']) plugin.add({ host, port: right.address.port });
    await until(() => connected(left).length === 2);
    await settled(both);
    await left.plugin.get('bob')!.disconnect('enough');
    await until(() => plugin.status().every(({ state }) => state === 'given-up'));
  });

  it('two that dial each other over TCP agree on one connection, again and again', async () => {
    await using both = await pair(['ann', 'bob'], {
      transport: tcpTransport(),
      plugins: [reconnect({ minDelayMs: 2, maxDelayMs: 10, shouldReconnect: () => true })],
      config: { listen: ANYWHERE },
    });
    const { left, right } = both;
    left.handle.get(Reconnect).add(right.address);
    right.handle.get(Reconnect).add(left.address);
    for (let round = 0; round < 20; round++) {
      await until(
        () =>
          connected(left).length === 1 &&
          connected(left).join() === connected(right).join() &&
          left.ports().length === 1 &&
          right.ports().length === 1,
      );
      await left.plugin.get('bob')?.disconnect();
    }
    expect(opened(both)).toBeLessThan(20 * 6);
  });
});
