import { describe, expect, it } from '@jest/globals';
import { PeerError, PeerNode, type Logger } from '@pea2pea/core';
import { seededRandom } from '@pea2pea/core/testing';
import { createPeer, OnDisconnect, OnStart, Peer } from '@pea2pea/decorators';
import {
  reconnect,
  Reconnect,
  RECONNECT_DEFAULTS,
  type ReconnectEvent,
  type ReconnectOptions,
} from '@pea2pea/policies';
import { ANYWHERE, lab, peerErrorOf, textCodec, turn, until } from '@pea2pea/testing';
import { Network, SEED } from './reconnect-lab.js';

const { own } = lab();

const codec = textCodec();

describe('a peer that is down', () => {
  it('does not hold up the start', async () => {
    await using network = new Network();
    network.silent.add('10.0.0.1');
    await using keeper = await network.keeper();
    expect(keeper.node.state).toBe('open');
    expect(keeper.states()).toEqual(['connecting']);
  });

  it('is dialled with delays that grow up to the largest', async () => {
    await using network = new Network();
    await using keeper = await network.keeper({ minDelayMs: 100, maxDelayMs: 500, factor: 2 });
    for (let tries = 1; tries <= 6; tries++) {
      await until(() => keeper.status().attempts === tries);
      network.clock.advance(500);
    }
    const waits = keeper.log
      .filter(({ text }) => text === 'will connect again')
      .map(({ fields }) => fields['delayMs']);
    expect(waits.slice(0, 6)).toEqual([100, 200, 400, 500, 500, 500]);
  });

  it('is dialled no earlier than its delay is over', async () => {
    await using network = new Network();
    await using keeper = await network.keeper({ minDelayMs: 2_500 });
    await until(() => keeper.status().state === 'waiting');
    expect(keeper.status()).toMatchObject({ attempts: 1, retryInMs: 2_500 });
    network.clock.advance(2_499);
    await turn(8);
    expect(keeper.status()).toMatchObject({ state: 'waiting', retryInMs: 1 });
    expect(network.dials).toHaveLength(1);
    network.clock.advance(1);
    expect(keeper.status().state).toBe('connecting');
    await until(() => network.dials.length === 2);
    expect(network.dialTimes()).toEqual([0, 2_500]);
  });

  it('says what went wrong last', async () => {
    await using network = new Network();
    await using keeper = await network.keeper();
    await until(() => keeper.status().state === 'waiting');
    const { last } = keeper.status();
    expect(PeerError.is(last?.error, 'P2P_ERR_CONNECT_FAILED')).toBe(true);
    expect(last).toMatchObject({ attempt: 1 });
  });

  it('is dialled again though every method of the logger throws, and so does who is told', async () => {
    await using network = new Network();
    const fail = (): never => {
      throw new Error('the disk is full');
    };
    const logger: Logger = { debug: fail, info: fail, warn: fail, error: fail, child: fail };
    await using keeper = await network.keeper({ maxAttempts: 3 }, { logger });
    keeper.plugin.events.on('given-up', fail);
    for (let tries = 1; tries <= 3; tries++) {
      await until(() => keeper.status().attempts === tries);
      network.clock.advance(60_000);
    }
    await until(() => keeper.status().state === 'given-up');
    expect(keeper.node.state).toBe('open');
  });

  it('is connected at the first try after it has come up', async () => {
    await using network = new Network();
    await using keeper = await network.keeper();
    await until(() => keeper.status().state === 'waiting');
    const server = await network.server();
    network.clock.advance(1_000);
    await until(() => keeper.status().state === 'connected');
    expect(keeper.status()).toMatchObject({ connection: keeper.node.connections.get(SEED) });
    await until(() => server.connections.size === 1);
  });

  it.each([1, 2])('is dialled at times that follow from the seed of the node: %d', async (seed) => {
    const runs: unknown[] = [];
    for (const run of [0, 1]) {
      await using network = new Network();
      await using keeper = await network.keeper({ jitter: 0.5 }, { seed });
      await until(() => keeper.status().state === 'waiting');
      runs[run] = keeper.status();
    }
    const [first, second] = runs as { retryInMs: number }[];
    expect(first!.retryInMs).toBe(second!.retryInMs);
    expect(first!.retryInMs).toBe(Math.ceil(1_000 * (1 - 0.5 * seededRandom(seed).next())));
  });
});

describe('a connection that ends', () => {
  it('is dialled again', async () => {
    await using network = new Network();
    const server = await network.server();
    await using keeper = await network.keeper();
    await until(() => server.connections.size === 1);
    for (const connection of server.connections) await connection.disconnect();
    await until(() => keeper.status().state === 'waiting');
    expect(keeper.status().last?.reason).toMatchObject({ origin: 'reading', cause: 'ended' });
    network.clock.advance(1_000);
    await until(() => server.connections.size === 1);
  });

  it('at once counts as a failure: a peer that hangs up on us is not hammered', async () => {
    await using network = new Network();
    await network.server(SEED, { onConnect: (connection) => void connection.disconnect() });
    await using keeper = await network.keeper({ minDelayMs: 100, maxDelayMs: 800 });
    for (const [index, delayMs] of [100, 200, 400, 800, 800].entries()) {
      await until(() => keeper.status().state === 'waiting');
      expect(keeper.status()).toMatchObject({ attempts: index + 1, retryInMs: delayMs });
      network.clock.advance(delayMs);
    }
    expect(network.dialTimes().slice(0, 5)).toEqual([0, 100, 300, 700, 1_500]);
  });

  it('after it has lasted makes the next failure the first again', async () => {
    await using network = new Network();
    await using keeper = await network.keeper({ minDelayMs: 100, stableAfterMs: 5_000 });
    await until(() => keeper.status().attempts === 1);
    const server = await network.server();
    network.clock.advance(100);
    await until(() => keeper.status().state === 'connected' && server.connections.size === 1);
    network.clock.advance(4_999);
    expect(keeper.status().attempts).toBe(1);
    network.clock.advance(1);
    expect(keeper.status().attempts).toBe(0);
    await server.close();
    await until(() => keeper.status().state === 'waiting');
    expect(keeper.status()).toMatchObject({ attempts: 0, retryInMs: 100, last: { attempt: 0 } });
  });

  it('because this side asked for it is not dialled again', async () => {
    await using network = new Network();
    await network.server();
    const events: ReconnectEvent[] = [];
    await using keeper = await network.keeper();
    keeper.plugin.events.on('given-up', (event) => events.push(event));
    await until(() => keeper.status().state === 'connected');
    await keeper.node.disconnect(SEED, 'enough');
    await until(() => keeper.status().state === 'given-up');
    expect(events).toMatchObject([{ attempt: 1, reason: { origin: 'user', why: 'enough' } }]);
    expect(keeper.plugin.givenUp).toBe(1);
    expect(keeper.log.find(({ text }) => text.includes('given up'))?.level).toBe('info');
  });

  it('because this side asked for it is dialled again when the rule says so', async () => {
    await using network = new Network();
    await network.server();
    await using keeper = await network.keeper({ shouldReconnect: () => true });
    await until(() => keeper.status().state === 'connected');
    await keeper.node.disconnect(SEED);
    await until(() => keeper.status().state === 'waiting');
    network.clock.advance(1_000);
    await until(() => keeper.status().state === 'connected');
  });
});

describe('the rule', () => {
  it('is asked about each event; where one of a user throws it decides instead', async () => {
    await using network = new Network();
    await using keeper = await network.keeper({
      shouldReconnect() {
        throw new Error('oops');
      },
    });
    await until(() => keeper.status().state === 'waiting');
    expect(keeper.log).toContainEqual(
      expect.objectContaining({ level: 'error', text: '`shouldReconnect` of reconnect threw' }),
    );
  });
});

describe('giving up', () => {
  it('comes after maxAttempts failures in a row, is logged, counted and told', async () => {
    await using network = new Network();
    const events: ReconnectEvent[] = [];
    await using keeper = await network.keeper({ maxAttempts: 3 });
    keeper.plugin.events.on('given-up', (event) => {
      events.push(event);
      throw new Error('oops');
    });
    for (const tries of [1, 2]) {
      await until(() => keeper.status().attempts === tries);
      network.clock.advance(10_000);
    }
    await until(() => keeper.status().state === 'given-up');
    expect(network.dials).toHaveLength(3);
    expect(keeper.plugin.givenUp).toBe(1);
    expect(events.map(({ address, attempt }) => [String(address), attempt])).toEqual([[SEED, 3]]);
    expect(keeper.log).toContainEqual({
      level: 'warn',
      fields: expect.objectContaining({ peer: SEED, attempts: 3, why: '3 attempts failed' }),
      text: 'reconnect has given up on an address',
    });
    expect(keeper.log).toContainEqual(expect.objectContaining({ level: 'error', text: 'a listener failed' }));
  });

  it('leaves no timer behind, and ends when the address is added again', async () => {
    await using network = new Network();
    const timers = network.clock.pending;
    await using keeper = await network.keeper({ maxAttempts: 1 });
    await until(() => keeper.status().state === 'given-up');
    await network.server();
    network.clock.advance(100_000);
    await turn(8);
    expect(network.dials).toHaveLength(1);
    expect(keeper.plugin.add(SEED)).toBe(true);
    expect(keeper.status()).toMatchObject({ state: 'connecting', attempts: 0 });
    await until(() => keeper.status().state === 'connected');
    await keeper.handle.close();
    expect(network.clock.pending).toBe(timers);
  });

  it('is what becomes of the own address, after one dial', async () => {
    await using network = new Network();
    await using keeper = await network.keeper({}, { listen: { host: '10.0.0.1', port: 4_000 } });
    await until(() => keeper.status().state === 'given-up');
    expect(PeerError.is(keeper.status().last?.error, 'P2P_ERR_SELF_CONNECT')).toBe(true);
  });

  it('is not what becomes of a name whose addresses are our own and those of others', async () => {
    await using network = new Network();
    network.names.set('seeds.example', ['10.0.0.1', '10.0.0.2']);
    const options = { addresses: ['seeds.example:4000'] };
    await using keeper = await network.keeper(options, { listen: { host: '10.0.0.1', port: 4_000 } });
    await until(() => keeper.status().state === 'waiting');
    expect(network.dials.map(({ address }) => address)).toEqual(['10.0.0.2:4000']);
    await network.server('10.0.0.2:4000');
    network.clock.advance(RECONNECT_DEFAULTS.minDelayMs);
    await until(() => keeper.status().state === 'connected');
    expect(keeper.plugin.givenUp).toBe(0);
  });
});

describe('an address that is connected already', () => {
  it('counts as connected, and is dialled when that connection ends', async () => {
    await using network = new Network();
    const server = await network.server();
    await using keeper = await network.keeper({ addresses: [], maxAttempts: 1 });
    const byHand = await keeper.node.connect(SEED);
    expect(keeper.plugin.add(SEED)).toBe(true);
    await until(() => keeper.status().state === 'connected');
    expect(keeper.status()).toMatchObject({ attempts: 0, connection: byHand });
    network.clock.advance(RECONNECT_DEFAULTS.stableAfterMs);
    await until(() => server.connections.size === 1);
    for (const connection of server.connections) await connection.disconnect();
    await until(() => keeper.status().state === 'waiting');
    network.clock.advance(1_000);
    await until(() => keeper.status().state === 'connected');
    expect(keeper.status()).not.toMatchObject({ connection: byHand });
  });

  it('is found under the name that stands for it', async () => {
    await using network = new Network();
    network.names.set('seed.test', ['10.0.0.9', '10.0.0.1']);
    await network.server();
    await using keeper = await network.keeper({ addresses: [] });
    const byHand = await keeper.node.connect(SEED);
    keeper.plugin.add('Seed.Test:4000');
    await until(() => keeper.status().state === 'connected');
    expect(keeper.status()).toMatchObject({ connection: byHand });
  });

  it('is shared by a name and an IP address in one list, without a failure', async () => {
    await using network = new Network();
    network.names.set('seed.test', ['10.0.0.1']);
    const server = await network.server();
    await using keeper = await network.keeper({ addresses: [SEED, 'seed.test:4000'], maxAttempts: 1 });
    await until(() => keeper.states().includes('connected'));
    await until(() => !keeper.states().includes('connecting'));
    network.clock.advance(1_000);
    await until(() => keeper.states().join() === 'connected,connected');
    const [first, second] = keeper.plugin.status() as unknown as { connection: unknown }[];
    expect(first!.connection).toBe(second!.connection);
    expect(server.connections.size).toBe(1);
    expect(keeper.plugin.givenUp).toBe(0);
  });

  it('but whose connection is ending is dialled when it has ended, though it was our own wish', async () => {
    await using network = new Network();
    await network.server();
    let letGo!: () => void;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    @Peer({ codec, plugins: [reconnect({ jitter: 0 })] })
    class Slow {
      @OnDisconnect()
      lastWords() {
        return held;
      }
    }
    await using handle = own(
      await createPeer(Slow, {
        config: { transport: network.transport, clock: network.clock, idleTimeoutMs: 0 },
      }),
    );
    const plugin = handle.get(Reconnect);
    const connection = await handle.node.connect(SEED);
    const gone = connection.disconnect();
    plugin.add(SEED);
    await until(() => plugin.status()[0]!.state === 'waiting');
    letGo();
    await gone;
    network.clock.advance(1_000);
    await until(() => plugin.status()[0]!.state === 'connected');
    expect(plugin.givenUp).toBe(0);
  });
});

describe('a list longer than maxConnecting', () => {
  it('is worked off without anybody being given up or put off', async () => {
    await using network = new Network();
    const addresses = Array.from({ length: 9 }, (_, index) => `10.0.1.${index}:1`);
    for (const address of addresses) await network.server(address);
    await using keeper = await network.keeper({ addresses, maxAttempts: 1 }, { maxConnecting: 3 });
    await until(() => keeper.states().every((state) => state === 'connected'));
    expect(keeper.plugin.status().map(({ last }) => last)).toEqual(addresses.map(() => undefined));
  });
});

describe('the list', () => {
  it('has each address once, whatever it is written like', async () => {
    await using network = new Network();
    const addresses = ['127.0.0.1:4', { host: '::ffff:127.0.0.1', port: 4 }, 'Name:1', 'name:1'];
    await using keeper = await network.keeper({ addresses });
    expect(keeper.plugin.status().map(({ address }) => String(address))).toEqual(['127.0.0.1:4', 'name:1']);
    expect(keeper.plugin.add('127.0.0.1:4')).toBe(false);
  });

  it('begins with the peer, though addresses are added before', async () => {
    await using network = new Network();
    const seen: unknown[] = [];
    @Peer({ codec, plugins: [reconnect()], inject: [Reconnect] })
    class Early {
      constructor(plugin: Reconnect) {
        plugin.add(SEED);
        seen.push(plugin.status()[0]!.state, network.dials.length);
      }
    }
    await using handle = own(await createPeer(Early, { config: { transport: network.transport } }));
    expect(seen).toEqual(['idle', 0]);
    expect(handle.get(Reconnect).status()[0]!.state).not.toBe('idle');
  });

  it.each(['no address', '10.0.0.1:0'])('takes no address that cannot be dialled: %s', async (address) => {
    await using network = new Network();
    await using keeper = await network.keeper();
    await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () => keeper.plugin.add(address));
    await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () => keeper.plugin.remove(address));
    expect(keeper.states()).toHaveLength(1);
  });

  it('without an address leaves its connection alone, and does not dial it again', async () => {
    await using network = new Network();
    const server = await network.server();
    await using keeper = await network.keeper();
    await until(() => keeper.status().state === 'connected' && server.connections.size === 1);
    expect(keeper.plugin.remove(SEED)).toBe(true);
    expect(keeper.plugin.remove(SEED)).toBe(false);
    expect(keeper.node.connections.size).toBe(1);
    await server.close();
    await until(() => keeper.node.connections.size === 0);
    await turn(8);
    network.clock.advance(100_000);
    await turn(8);
    expect(network.dials).toHaveLength(1);
  });

  it('without an address aborts its dial and cancels its timer', async () => {
    await using network = new Network();
    network.silent.add('10.0.0.2');
    await using keeper = await network.keeper({ addresses: [] });
    const timers = network.clock.pending;
    keeper.plugin.add(SEED);
    keeper.plugin.add('10.0.0.2:1');
    await until(() => keeper.status(0).state === 'waiting' && network.hanging === 1);
    keeper.plugin.remove('10.0.0.2:1');
    keeper.plugin.remove(SEED);
    await until(() => network.hanging === 0 && keeper.node.connecting === 0);
    expect(network.clock.pending).toBe(timers);
    expect(keeper.plugin.status()).toEqual([]);
  });
});

describe('the end', () => {
  it('leaves no dial and no timer, whatever an address was up to', async () => {
    await using network = new Network();
    await network.server();
    network.silent.add('10.0.0.2');
    const keeper = await network.keeper({ addresses: [SEED, '10.0.0.2:1', '10.0.0.3:1'] });
    await until(() => keeper.states().join() === 'connected,connecting,waiting');
    const report = await keeper.handle.close();
    expect(report.cut).toEqual([]);
    expect(keeper.states()).toEqual(['idle', 'idle', 'idle']);
    expect([network.hanging, network.clock.pending]).toEqual([0, 0]);
    const dials = network.dials.length;
    network.clock.advance(1_000_000);
    await turn(8);
    expect(network.dials).toHaveLength(dials);
    expect(keeper.plugin.givenUp).toBe(0);
    await peerErrorOf('P2P_ERR_SHUTTING_DOWN', () => keeper.plugin.add(SEED));
  });

  it.each([
    ['is connected', 'connected', async (network: Network) => void (await network.server())],
    ['is being dialled', 'connecting', async (network: Network) => void network.silent.add('10.0.0.1')],
  ])('is noticed at once when the node alone is closed and an address %s', async (_, state, prepare) => {
    await using network = new Network();
    await prepare(network);
    const keeper = await network.keeper({ addresses: [SEED, '10.0.0.3:1'] });
    await until(() => keeper.states().join() === `${state},waiting`);
    await keeper.node.close();
    await until(() => keeper.states().join() === 'idle,idle');
    await keeper.handle.close();
    expect(network.clock.pending).toBe(0);
  });

  it('is noticed within a second when the node alone is closed and every address waits', async () => {
    await using network = new Network();
    const keeper = await network.keeper({ minDelayMs: 60_000 });
    await until(() => keeper.states().join() === 'waiting');
    await keeper.node.close();
    network.clock.advance(1_000);
    expect(keeper.states()).toEqual(['idle']);
    await keeper.handle.close();
    expect(network.clock.pending).toBe(0);
  });

  it('comes when something behind it fails to start', async () => {
    await using network = new Network();
    network.silent.add('10.0.0.1');
    @Peer({ codec, plugins: [reconnect({ addresses: [SEED] })] })
    class Failing {
      @OnStart()
      async start() {
        await until(() => network.hanging === 1);
        throw new Error('oops');
      }
    }
    const { transport, clock } = network;
    await expect(createPeer(Failing, { config: { transport, clock } })).rejects.toThrow('oops');
    expect([network.hanging, clock.pending]).toEqual([0, 0]);
  });
});

describe('options that make no sense', () => {
  it.each<[string, ReconnectOptions]>([
    ['addresses', { addresses: 'a:1' as never }],
    ['addresses', { addresses: ['nowhere'] }],
    ['addresses', { addresses: ['10.0.0.1:0'] }],
    ['minDelayMs', { minDelayMs: 0 }],
    ['maxDelayMs', { minDelayMs: 90_000 }],
    ['factor', { factor: 0 }],
    ['jitter', { jitter: 2 }],
    ['maxAttempts', { maxAttempts: 0 }],
    ['maxAttempts', { maxAttempts: 1.5 }],
    ['maxConcurrentDials', { maxConcurrentDials: 0 }],
    ['signal', { addresses: [{ address: SEED, signal: AbortSignal.abort() } as never] }],
    ['stream', { addresses: [{ address: SEED, stream: undefined } as never] }],
    ['addresses', { addresses: [{ address: 'nowhere' }] }],
    ['stableAfterMs', { stableAfterMs: -1 }],
    ['shouldReconnect', { shouldReconnect: true as never }],
    ['retries', { retries: 3 } as never],
  ])('are refused by name when the peer is made: %s %j', async (option, options) => {
    await using network = new Network();
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => network.keeper(options));
    expect(error.message).toContain(`\`${option}\``);
  });
});

describe('over TCP', () => {
  it('a peer that restarts at its port is found again', async () => {
    const server = own(new PeerNode({ codec }));
    const address = await server.listen(ANYWHERE);
    @Peer({ codec, plugins: [reconnect({ addresses: [address], minDelayMs: 5, maxDelayMs: 20 })] })
    class Client {}
    await using client = own(await createPeer(Client));
    await until(() => server.connections.size === 1);
    await server.close();
    await until(() => client.get(Reconnect).status()[0]!.attempts >= 2);
    const again = own(new PeerNode({ codec }));
    await again.listen(address);
    await until(() => again.connections.size === 1);
    await until(() => client.get(Reconnect).status()[0]!.state === 'connected');
    await again.close();
  });

  it('localhost is one entry and one connection', async () => {
    await using server = own(new PeerNode({ codec }));
    const { port } = await server.listen(ANYWHERE);
    @Peer({ codec, plugins: [reconnect({ addresses: [{ host: 'localhost', port }] })] })
    class Client {}
    await using client = own(await createPeer(Client));
    const plugin = client.get(Reconnect);
    await until(() => plugin.status()[0]!.state === 'connected');
    expect(plugin.status()).toMatchObject([{ address: { host: 'localhost', port } }]);
    expect(client.node.connections.get({ host: '127.0.0.1', port })?.state).toBe('open');
  });
});
