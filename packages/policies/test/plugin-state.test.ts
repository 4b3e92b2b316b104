import { describe, expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { PLUGIN_STATE, PeerNode, type Hooks, type StatefulPlugin } from '@pea2pea/core';
import {
  Bans,
  bans,
  keepAlive,
  objectPings,
  RateLimit,
  rateLimit,
  reconnect,
  UniquePeer,
  uniquePeer,
} from '@pea2pea/policies';
import { ANYWHERE, inMemory, lab, never, until } from '@pea2pea/testing';
import { ControlledClock } from '@pea2pea/core/testing';
import { flood, serve } from './rate-limit-lab.js';
import { Network, SEED } from './reconnect-lab.js';

const { own } = lab();

/** The state as pages get it: nothing is lost on the way through JSON. */
function stateOf(plugin: StatefulPlugin): unknown {
  const state = plugin[PLUGIN_STATE]();
  expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  return state;
}

describe('the state of bans', () => {
  it('has who is banned, until when and why, the latest first, and what was refused', async () => {
    await using lab = await serve([bans({ strikes: 2, banned: [{ prefix: '192.0.2.0/24' }] })], {}, 5_000);
    const plugin = lab.handle.get(Bans);
    plugin.ban('10.0.0.1', { durationMs: 60_000, why: 'spam' });
    plugin.ban({ identity: 'mallory' }, { durationMs: 1_000 });
    plugin.strike('10.0.0.2');
    await lab.dial('10.0.0.1');
    await until(() => plugin.refused === 1);
    expect(stateOf(plugin)).toEqual({
      bans: {
        total: 3,
        items: [
          { prefix: '10.0.0.1', until: 65_000, why: 'spam' },
          { prefix: '192.0.2.0/24' },
          { identity: 'mallory', until: 6_000 },
        ],
      },
      refused: 1,
      dialsRefused: 0,
      withStrikes: 1,
      evictedBans: 0,
      evictedStrikes: 0,
    });
  });

  it('counts all bans, and has a hundred of each kind at most', async () => {
    await using lab = await serve([bans()]);
    const plugin = lab.handle.get(Bans);
    for (let index = 0; index < 300; index++) plugin.ban(`10.1.${index >> 8}.${index & 255}`);
    plugin.ban({ identity: 'mallory' });
    const { total, items } = (stateOf(plugin) as { bans: { total: number; items: object[] } }).bans;
    expect(total).toBe(301);
    expect(items).toHaveLength(101);
    expect(items[0]).toMatchObject({ prefix: '10.1.1.43' });
    expect(items.at(-1)).toMatchObject({ identity: 'mallory' });
  });
});

describe('the state of rateLimit', () => {
  it('has the limits, what was above them, and who sent too much', async () => {
    const limits = { messagesPerSecond: 1, bytesPerSecond: Infinity, burstSeconds: 5 };
    await using lab = await serve([rateLimit({ perConnection: limits, whenExceeded: 'drop' })], {}, 9_000);
    const connection = await lab.dial();
    await lab.dial('10.0.0.2');
    flood(connection, 7);
    const plugin = lab.handle.get(RateLimit);
    await until(() => plugin.exceeded.connectionMessages === 2);
    const [inbound] = lab.node.connections;
    expect(stateOf(plugin)).toEqual({
      whenExceeded: 'drop',
      perSecond: { connectionMessages: 1, connectionBytes: null, ipMessages: 4, ipBytes: null },
      exceeded: { connectionMessages: 2, connectionBytes: 0, ipMessages: 0, ipBytes: 0 },
      heldBack: 0,
      addresses: 1,
      evictedAddresses: 0,
      offenders: {
        total: 1,
        items: [
          {
            connection: inbound!.id,
            address: inbound!.address.toString(),
            limit: 'connectionMessages',
            firstAt: 9_000,
          },
        ],
      },
      spentAddresses: { total: 0, items: [] },
    });
  });

  it('has the addresses that have nothing left, until they have', async () => {
    const limits = { messagesPerSecond: 1, bytesPerSecond: Infinity, burstSeconds: 5 };
    await using lab = await serve([rateLimit({ perConnection: false, perIp: limits, whenExceeded: 'drop' })]);
    flood(await lab.dial(), 7);
    const plugin = lab.handle.get(RateLimit);
    await until(() => plugin.exceeded.ipMessages === 2);
    expect(stateOf(plugin)).toMatchObject({
      spentAddresses: { total: 1, items: [{ address: '10.0.0.1', messages: 0, bytes: null }] },
    });
    lab.clock.advance(1_000);
    expect(stateOf(plugin)).toMatchObject({ spentAddresses: { total: 0, items: [] } });
  });
});

describe('the state of reconnect', () => {
  it('has what is not connected, when it is tried next, and why it failed last', async () => {
    await using network = new Network();
    await network.server();
    await using keeper = await network.keeper({ addresses: [SEED, '10.0.0.2:4000'], minDelayMs: 1_000 });
    await until(() => keeper.states().join() === 'connected,waiting');
    network.clock.advance(400);
    expect(stateOf(keeper.node.plugin(reconnect))).toEqual({
      addresses: 2,
      idle: 0,
      connecting: 0,
      connected: 1,
      waiting: 1,
      'given-up': 0,
      missing: {
        total: 1,
        items: [
          {
            address: '10.0.0.2:4000',
            state: 'waiting',
            attempts: 1,
            nextTryInMs: 600,
            last: expect.stringContaining('10.0.0.2:4000'),
          },
        ],
      },
      timesGivenUp: 0,
    });
  });
});

describe('the state of uniquePeer', () => {
  it('has how many peers there are, and who is here twice at the moment', async () => {
    const network = inMemory();
    const identity = () => 'bob';
    const alice = own(new PeerNode({ codec: json(), ...network }));
    alice.use(uniquePeer({ identity, localIdentity: 'alice', onDuplicate: 'tie-break' }));
    const bob = own(new PeerNode({ codec: json(), ...network }));
    const address = await bob.listen(ANYWHERE);
    await alice.connect(address);
    expect(stateOf(alice.plugin(uniquePeer))).toEqual({
      onDuplicate: 'tie-break',
      takeoverAfterMs: 10_000,
      identities: 1,
      unidentified: 0,
      duplicates: 0,
      takeovers: 0,
      undecided: { total: 0, items: [] },
    });
    await alice.connect(address, { parallel: true });
    const ids = [...alice.connections].map(({ id }) => id);
    expect(ids).toHaveLength(2);
    expect(stateOf(alice.plugin(UniquePeer))).toMatchObject({
      undecided: { total: 1, items: [{ identity: 'bob', connections: ids }] },
    });
  });
});

describe('the state of keepAlive', () => {
  it('has how long peers take to reply, and of whom a reply is awaited', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock, codec: json() };
    const silent: Hooks<unknown> = { onMessage: () => never() };
    const options = { intervalMs: 10_000, timeoutMs: 5_000, format: objectPings };
    const server = own(new PeerNode<unknown>(network)).use(keepAlive(options));
    const plugin = server.plugin(keepAlive);
    const address = await server.listen(ANYWHERE);
    const deaf = own(new PeerNode<unknown>(network)).use(silent);
    const polite = own(new PeerNode<unknown>(network)).use(keepAlive(options));
    await deaf.connect(address);
    await polite.connect(address);
    await until(() => server.connections.size === 2);
    for (let second = 0; second < 12; second++) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => plugin.pongsReceived === 1);
    clock.advance(1_000);
    await until('the pong was heard', () => !JSON.stringify(stateOf(plugin)).includes('"total":2'));
    const [first] = server.connections;
    expect(stateOf(plugin)).toMatchObject({
      intervalMs: 10_000,
      timeoutMs: 5_000,
      connections: 2,
      averageRoundTripMs: expect.any(Number),
      longestRoundTripMs: expect.any(Number),
      silent: {
        total: 1,
        items: [
          {
            connection: first!.id,
            address: first!.address.toString(),
            silentMs: expect.any(Number),
            awaitedMs: expect.any(Number),
          },
        ],
      },
      unresponsive: 0,
    });
  });
});
