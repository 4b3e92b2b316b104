import { describe, expect, it } from '@jest/globals';
import { PeerNode } from '@pea2pea/core';
import { connectionManager, memoryStore, type ConnectionManagerOptions } from '@pea2pea/network';
import { peerErrorOf, simulate, textCodec, type World } from '@pea2pea/testing';
import {
  apart,
  begin,
  bookOf,
  networkPeer,
  statusOf,
  together,
  PORT,
  type NetworkPeer,
} from './network-lab.js';

const MINUTE = 60_000;

/** Nodes that listen and dial nobody. */
async function servers(world: World, hosts: readonly string[]): Promise<NetworkPeer[]> {
  const manager = { outbound: 0, feelerEveryMs: 0 };
  const started: NetworkPeer[] = [];
  for (const host of hosts) started.push(await begin(world, networkPeer(world.host(host), { manager })));
  return started;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

async function dialler(world: World, seeds: readonly string[], manager: ConnectionManagerOptions) {
  const peer = networkPeer(world.host('99.1.0.1'), { book: { seeds }, manager });
  await begin(world, peer);
  return peer;
}

describe('a connection manager', () => {
  it('dials until it has as many connections as it wants', async () => {
    const world = simulate({ seed: 1 });
    const others = await servers(world, upTo(12).map(apart));
    const peer = await dialler(
      world,
      others.map(({ address }) => address),
      { outbound: 5 },
    );
    await world.until('five connections', () => statusOf(peer).outbound === 5);
    await world.run('1 min');
    expect(statusOf(peer)).toMatchObject({ outbound: 5, dialling: 0, failures: 0 });
  });

  it('takes one address of a group', async () => {
    const world = simulate({ seed: 2 });
    const others = await servers(world, [...upTo(6).map(together), apart(1), apart(2)]);
    const peer = await dialler(
      world,
      others.map(({ address }) => address),
      { outbound: 5, feelerEveryMs: 0 },
    );
    await world.until('three groups', () => statusOf(peer).outbound === 3);
    await world.run('5 min');
    expect(statusOf(peer)).toMatchObject({ outbound: 3, dialling: 0 });
  });

  it('replaces a connection that ends by another one', async () => {
    const world = simulate({ seed: 3 });
    const others = await servers(world, upTo(8).map(apart));
    const peer = await dialler(
      world,
      others.map(({ address }) => address),
      { outbound: 3 },
    );
    await world.until('three connections', () => statusOf(peer).outbound === 3);
    const gone = others.filter(({ node }) => node.connections.size > 0);
    await world.drive(Promise.all(gone.map(({ node }) => node.close())));
    await world.until(
      'three others',
      () => statusOf(peer).outbound === 3 && peer.node.connections.size === 3,
    );
    const hosts = [...peer.node.connections].map(({ address }) => address.host);
    expect(hosts.filter((host) => gone.some((other) => other.host.address === host))).toEqual([]);
  });

  it('rests an address that fails, longer each time', async () => {
    const world = simulate({ seed: 4 });
    world.host('20.0.0.1');
    const peer = await dialler(world, [`20.0.0.1:${PORT}`], { feelerEveryMs: 0 });
    await world.run(10 * MINUTE);
    const { dials, failures } = statusOf(peer);
    expect(failures).toBe(dials);
    // 5, 10, 20 … seconds, half of each random at most, and up to 5 s until it looks again.
    expect(dials).toBeGreaterThan(4);
    expect(dials).toBeLessThan(10);
    expect(bookOf(peer).get(`20.0.0.1:${PORT}`)!.failures).toBe(failures);
  });

  it('keeps trusted peers besides its slots', async () => {
    const world = simulate({ seed: 5 });
    const others = await servers(world, upTo(6).map(together));
    const trusted = others.slice(0, 3).map(({ address }) => address);
    const peer = await dialler(
      world,
      others.slice(3).map(({ address }) => address),
      { outbound: 1, trusted },
    );
    await world.until('all are there', () => statusOf(peer).trusted === 3 && statusOf(peer).outbound === 1);
    await world.drive(others[0]!.node.disconnect([...others[0]!.node.connections][0]!));
    await world.until('it has gone', () => statusOf(peer).trusted === 2);
    await world.until('it is back', () => statusOf(peer).trusted === 3);
  });

  it('forgets its own address', async () => {
    const world = simulate({ seed: 6 });
    const peer = await dialler(world, [`99.1.0.1:${PORT}`], {});
    await world.until('the dial has failed', () => statusOf(peer).failures === 1);
    expect(bookOf(peer).size).toBe(0);
  });

  it('dials whom it was connected with first after a restart', async () => {
    const world = simulate({ seed: 7 });
    const others = await servers(world, upTo(40).map(apart));
    const seeds = others.map(({ address }) => address);
    const store = memoryStore();
    const start = async (host: string) => {
      const peer = networkPeer(world.host(host), {
        book: { seeds, store },
        manager: { outbound: 2, anchors: 2, feelerEveryMs: 0 },
      });
      await begin(world, peer);
      await world.until('both are there', () => statusOf(peer).outbound === 2);
      return peer;
    };
    const before = await start('99.1.0.1');
    const hosts = [...before.node.connections].map(({ address }) => address.host).sort();
    await world.drive(before.node.close());
    const after = await start('99.2.0.1');
    expect([...after.node.connections].map(({ address }) => address.host).sort()).toEqual(hosts);
    expect(statusOf(after).dials).toBe(2);
  });

  it('tries addresses that it needs no connection with, and ends those connections', async () => {
    const world = simulate({ seed: 8 });
    const others = await servers(world, upTo(6).map(apart));
    const peer = await dialler(
      world,
      others.map(({ address }) => address),
      { outbound: 1, feelerEveryMs: 10_000 },
    );
    await world.until(
      'all are proven',
      () =>
        bookOf(peer)
          .all()
          .every(({ isProven }) => isProven),
      30 * MINUTE,
    );
    await world.run('1 min');
    expect(statusOf(peer)).toMatchObject({ outbound: 1, failures: 0 });
    expect(statusOf(peer).feelers).toBeGreaterThanOrEqual(5);
    expect(peer.node.connections.size).toBe(1);
  });

  it('ends a connection whose score falls, and counts it as a failure of the address', async () => {
    const world = simulate({ seed: 9 });
    const others = await servers(world, upTo(2).map(apart));
    const peer = await dialler(world, [others[0]!.address], { minScore: -10 });
    await world.until('it is there', () => statusOf(peer).outbound === 1);
    const manager = peer.node.plugin(connectionManager);
    const [connection] = [...peer.node.connections];
    expect([manager.adjust(connection!, -10), manager.scoreOf(connection!)]).toEqual([-10, -10]);
    expect(connection!.state).toBe('open');
    manager.adjust(connection!, -1);
    const reason = await world.drive(connection!.closed);
    expect(reason).toMatchObject({ origin: 'user', error: { code: 'P2P_ERR_LOW_SCORE' } });
    expect(bookOf(peer).get(others[0]!.address)).toMatchObject({ failures: 1 });
    expect(statusOf(peer).pruned).toBe(1);
  });

  it('stops when the node closes', async () => {
    const world = simulate({ seed: 10 });
    world.host('20.0.0.1');
    const peer = await dialler(world, [`20.0.0.1:${PORT}`], {});
    await world.run('1 s');
    await world.drive(peer.node.close());
    const { dials } = statusOf(peer);
    await world.run('10 min');
    expect(statusOf(peer).dials).toBe(dials);
  });
});

describe('when too many dial in', () => {
  /** A server with slots for four, and clients at `hosts` that dial it one after the other. */
  async function crowd(hosts: readonly string[], manager: ConnectionManagerOptions = {}) {
    const world = simulate({ seed: 11 });
    const server = networkPeer(world.host('99.1.0.1'), {
      manager: { outbound: 0, inbound: 4, guestMs: 500, feelerEveryMs: 0, ...manager },
    });
    await begin(world, server);
    for (const host of hosts) {
      const client = networkPeer(world.host(host), {
        book: { seeds: [server.address] },
        manager: { outbound: 1, lookAgainMs: 10 * MINUTE, minDelayMs: 10 * MINUTE },
      });
      await begin(world, client);
      await world.run('2 s');
    }
    return { server, hosts: () => [...server.node.connections].map(({ address }) => address.host).sort() };
  }

  it('one of the largest group goes, the youngest first', async () => {
    const { server, hosts } = await crowd([
      together(1),
      together(2),
      together(3),
      apart(1),
      apart(2),
      apart(3),
    ]);
    expect(hosts()).toEqual([apart(1), apart(2), apart(3), together(1)].sort());
    expect(statusOf(server)).toMatchObject({ inbound: 4, evicted: 2 });
  });

  it('whoever comes last goes where all are from different groups', async () => {
    const { hosts } = await crowd([apart(1), apart(2), apart(3), apart(4), apart(5)]);
    expect(hosts()).toEqual([apart(1), apart(2), apart(3), apart(4)].sort());
  });

  it('nobody goes who is protected or trusted', async () => {
    const { hosts } = await crowd([together(1), together(2), together(3), together(4), apart(1), apart(2)], {
      isProtected: ({ address }) => address.host === together(4) || address.host === together(3),
    });
    expect(hosts()).toEqual([apart(1), apart(2), together(3), together(4)].sort());
  });
});

describe('a connection manager is refused', () => {
  it('without an address book', async () => {
    const node = new PeerNode({ codec: textCodec() }).use(connectionManager());
    await peerErrorOf('P2P_ERR_MISSING_PLUGIN', () => node.start());
  });

  it.each([
    { outbound: -1 },
    { inbound: 1_000_000 },
    { perGroup: 0 },
    { anchors: 17 },
    { minScore: 1 },
    { trusted: ['nowhere'] },
    { typo: 1 },
  ])('with %j', async (options) => {
    const { manager } = { manager: options as ConnectionManagerOptions };
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
      networkPeer(simulate({ seed: 1 }).host('20.0.0.1'), { manager }).node.start(),
    );
  });
});
