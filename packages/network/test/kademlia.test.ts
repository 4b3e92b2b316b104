import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { PLUGIN_STATE } from '@pea2pea/core';
import { memoryStore } from '@pea2pea/network';
import { contentKey, nodeId, signedKey, signValue, type DhtRecord } from '@pea2pea/network/kademlia';
import { peerErrorOf, simulate, type World } from '@pea2pea/testing';
import { apart, begin, dhtPeer, network, type DhtPeer } from './kademlia-lab.js';

const bytes = (text: string) => Buffer.from(text);
/** Small, so that a network of few nodes has several hops. */
const SMALL = { k: 4, alpha: 3, paths: 2 } as const;

async function close(world: World, peers: readonly DhtPeer[]): Promise<void> {
  for (const { node } of peers) await world.drive(node.close());
}

/** Those that keep a value: the plugin does not say it by name. */
const holders = (peers: readonly DhtPeer[]) => peers.filter(({ dht }) => dht.report.values > 0);

describe('a network of nodes', () => {
  it('has each found by any other, in few hops', async () => {
    const world = simulate({ seed: 1, latencyMs: [5, 40] });
    const peers = await network(world, 40, SMALL);
    for (const [index, peer] of peers.entries()) {
      const other = peers[(index * 7 + 3) % peers.length]!;
      if (other === peer) continue;
      const found = await world.drive(peer.dht.findPeer(other.identity));
      expect([index, String(found)]).toEqual([index, other.address]);
    }
    const { lookUps, contacts, dialFailures } = peers[5]!.dht.report;
    expect(lookUps.node.succeeded).toBe(lookUps.node.done);
    expect(lookUps.node.p50Hops).toBeLessThanOrEqual(3);
    expect([contacts > 8, dialFailures]).toEqual([true, 0]);
    expect((peers[5]!.dht as unknown as Record<symbol, () => unknown>)[PLUGIN_STATE]!()).toEqual(
      peers[5]!.dht.report,
    );
    await close(world, peers);
  });

  it('keeps a value at the nodes closest to its key, and any other finds it', async () => {
    const world = simulate({ seed: 2, latencyMs: [5, 40] });
    const peers = await network(world, 24, SMALL);
    const published = await world.drive(peers[3]!.dht.put(bytes('hello')));
    expect(published).toEqual({ key: contentKey(bytes('hello')), stored: 4, refused: 0, failed: 0 });
    const distance = ({ identity }: DhtPeer) =>
      BigInt(`0x${nodeId(identity)}`) ^ BigInt(`0x${published.key}`);
    const closest = [...peers].sort((a, b) => (distance(a) < distance(b) ? -1 : 1)).slice(0, 4);
    expect(new Set(holders(peers))).toEqual(new Set(closest));
    for (const peer of peers.slice(10)) {
      const found = await world.drive(peer.dht.get(published.key));
      expect(found?.value.toString()).toBe('hello');
    }
    expect(await world.drive(peers[0]!.dht.get(contentKey(bytes('nobody put that'))))).toBeUndefined();
    await close(world, peers);
  });

  it('returns the newest value that a key has signed', async () => {
    const world = simulate({ seed: 3, latencyMs: [5, 40] });
    const peers = await network(world, 12, SMALL);
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const sign = (sequence: number): DhtRecord => {
      const expiresMs = peers[0]!.host.config.clock.date() + 600_000;
      return signValue({ privateKey, name: 'news', sequence, value: bytes(`number ${sequence}`), expiresMs });
    };
    for (const [who, sequence] of [
      [1, 1],
      [2, 3],
    ] as const) {
      await world.drive(peers[who]!.dht.put(sign(sequence)));
    }
    await peerErrorOf('P2P_ERR_NOT_STORED', () => world.drive(peers[4]!.dht.put(sign(2))));
    const found = await world.drive(peers[9]!.dht.get(signedKey(publicKey, 'news')));
    expect(found?.value.toString()).toBe('number 3');
    await close(world, peers);
  });

  it('knows who provides a key, by the identity that they have proved', async () => {
    const world = simulate({ seed: 4, latencyMs: [5, 40] });
    const peers = await network(world, 16, SMALL);
    const key = contentKey(bytes('a film'));
    for (const index of [2, 7]) await world.drive(peers[index]!.dht.provide(key));
    const found = await world.drive(peers[12]!.dht.findProviders(key));
    expect(found.map(String).sort()).toEqual([peers[2]!.address, peers[7]!.address].sort());
    expect(await world.drive(peers[12]!.dht.findProviders(contentKey(bytes('another'))))).toEqual([]);
    await close(world, peers);
  });
});

describe('what is stored', () => {
  it('is over after its time, unless it is put again', async () => {
    const world = simulate({ seed: 5, latencyMs: [5, 40] });
    const lasting = { ...SMALL, valueTtlMs: 600_000, providerTtlMs: 600_000, republishEveryMs: 300_000 };
    const peers = await network(world, 12, lasting);
    const [{ dht }, reader] = [peers[1]!, peers[10]!];
    const { key } = await world.drive(dht.put(bytes('stays')));
    await world.drive(dht.provide(key));
    await world.run('30 min');
    expect((await world.drive(reader.dht.get(key)))?.value.toString()).toBe('stays');
    expect(await world.drive(reader.dht.findProviders(key))).toHaveLength(1);
    expect([dht.report.published, dht.withdraw(key), dht.withdraw(key), dht.report.published]).toEqual([
      2,
      true,
      false,
      0,
    ]);
    await world.run('21 min');
    expect(holders(peers)).toEqual([]);
    expect(await world.drive(reader.dht.get(key))).toBeUndefined();
    expect(await world.drive(reader.dht.findProviders(key))).toEqual([]);
    await close(world, peers);
  });

  it('that is signed is over when its signer said, whoever keeps it', async () => {
    const world = simulate({ seed: 6, latencyMs: [5, 40] });
    const peers = await network(world, 8, { ...SMALL, replicateEveryMs: 60_000, republishEveryMs: 60_000 });
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const expiresMs = peers[0]!.host.config.clock.date() + 300_000;
    await world.drive(
      peers[0]!.dht.put(signValue({ privateKey, sequence: 0, value: bytes('brief'), expiresMs })),
    );
    await world.run('4 min');
    expect(await world.drive(peers[5]!.dht.get(signedKey(publicKey)))).toBeDefined();
    await world.run('2 min');
    expect(await world.drive(peers[5]!.dht.get(signedKey(publicKey)))).toBeUndefined();
    expect([holders(peers), peers[0]!.dht.report.published]).toEqual([[], 0]);
    await close(world, peers);
  });

  it('outlives who put it, and all that kept it at first', async () => {
    const world = simulate({ seed: 7, latencyMs: [5, 40] });
    const peers = await network(world, 20, { ...SMALL, replicateEveryMs: 120_000, refreshEveryMs: 120_000 });
    const { key } = await world.drive(peers[0]!.dht.put(bytes('handed on')));
    const first = holders(peers);
    const live = new Set(peers);
    for (const gone of new Set([peers[0]!, ...first])) {
      world.crash(gone.host);
      live.delete(gone);
      await world.run('4 min');
    }
    const reader = [...live].find((peer) => peer.dht.report.values === 0)!;
    expect((await world.drive(reader.dht.get(key)))?.value.toString()).toBe('handed on');
    await close(world, [...live]);
  });

  it('is not taken if the application does not accept it, nor returned', async () => {
    const world = simulate({ seed: 8, latencyMs: [5, 40] });
    const accepts = ({ value }: DhtRecord) => value.toString().startsWith('song: ');
    const peers = await network(world, 8, { ...SMALL, accepts });
    await peerErrorOf('P2P_ERR_INVALID_VALUE', () => world.drive(peers[0]!.dht.put(bytes('a film'))));
    expect((await world.drive(peers[3]!.dht.put(bytes('song: la')))).stored).toBe(4);
    const free = await network(world, 8, SMALL, 100);
    const { key } = await world.drive(free[0]!.dht.put(bytes('a film')));
    const seeds = free.map(({ address }) => address);
    const strict = await begin(world, dhtPeer(world.host(apart(99)), { ...SMALL, accepts, seeds }));
    expect(await world.drive(strict.dht.get(key))).toBeUndefined();
    expect(strict.dht.report.discarded).toBeGreaterThan(0);
    await world.drive(strict.dht.join());
    await close(world, [...peers, ...free, strict]);
  });
});

describe('a node', () => {
  it('comes back by the contacts that it has kept, though its seed is gone', async () => {
    const world = simulate({ seed: 9, latencyMs: [5, 40] });
    const peers = await network(world, 10, SMALL);
    const store = memoryStore();
    const options = { ...SMALL, seeds: [peers[0]!.address], store };
    const first = await begin(world, dhtPeer(world.host(apart(50)), options));
    const known = first.dht.report.contacts;
    await close(world, [first, peers[0]!]);
    const again = await begin(
      world,
      dhtPeer(world.host(apart(51)), { ...options, identity: first.identity }),
    );
    expect(known).toBeGreaterThan(6);
    expect(again.dht.report.contacts).toBeGreaterThanOrEqual(known - 2);
    expect(await world.drive(again.dht.findPeer(peers[5]!.identity))).toBeDefined();
    await close(world, [again, ...peers.slice(1)]);
  });

  it('finds those that have come, and forgets those that have gone', async () => {
    const world = simulate({ seed: 10, latencyMs: [5, 40] });
    const peers = await network(world, 12, { ...SMALL, refreshEveryMs: 120_000 });
    for (const { host } of peers.slice(6)) world.crash(host);
    for (let index = 0; index < 4; index++) {
      const late = dhtPeer(world.host(apart(60 + index)), { ...SMALL, seeds: [peers[index]!.address] });
      peers.push(await begin(world, late));
    }
    await world.run('12 min');
    const gone = new Set(peers.slice(6, 12).map(({ identity }) => identity));
    const live = [...peers.slice(0, 6), ...peers.slice(12)];
    for (const { dht } of live) {
      expect(dht.contacts.filter(({ peer }) => gone.has(peer.identity!))).toEqual([]);
    }
    for (const { identity } of live.slice(1)) {
      expect(await world.drive(live[0]!.dht.findPeer(identity))).toBeDefined();
    }
    await close(world, live);
  });

  it('that does not listen puts and gets, and is no contact of anybody', async () => {
    const world = simulate({ seed: 11, latencyMs: [5, 40] });
    const peers = await network(world, 8, SMALL);
    const client = dhtPeer(world.host(apart(70)), { ...SMALL, seeds: [peers[0]!.address] });
    await world.drive(client.node.start());
    await world.drive(client.dht.join());
    const { key } = await world.drive(client.dht.put(bytes('from a client')));
    expect((await world.drive(peers[7]!.dht.get(key)))?.value.toString()).toBe('from a client');
    await peerErrorOf('P2P_ERR_NOT_STORED', () => world.drive(client.dht.provide(key)));
    for (const { dht } of peers)
      expect(dht.contacts.map(({ peer }) => peer.identity)).not.toContain(client.identity);
    await close(world, [client, ...peers]);
  });

  it('ends the connections that it has dialled for queries when they are done, and keeps those of others', async () => {
    const world = simulate({ seed: 12, latencyMs: [5, 40] });
    const peers = await network(world, 6, SMALL);
    const kept = await world.drive(peers[0]!.node.connect(`${peers[1]!.host.address}:4000`));
    await world.run('1 min');
    await world.drive(peers[0]!.dht.findPeer(peers[4]!.identity));
    expect(peers[0]!.dht.report.connections).toBeGreaterThan(0);
    await world.until('its connections are ended', () => peers[0]!.dht.report.connections === 0);
    expect(kept.state).toBe('open');
    await close(world, peers);
  });

  it('says what is missing where it has no contacts, or has not started', async () => {
    const world = simulate({ seed: 13 });
    const { node, dht } = dhtPeer(world.host(apart(0)));
    await peerErrorOf('P2P_ERR_NOT_RUNNING', () => dht.join());
    await peerErrorOf('P2P_ERR_NOT_RUNNING', () => dht.put(bytes('x')));
    await world.drive(node.start());
    expect(await world.drive(dht.join())).toBe(0);
    await peerErrorOf('P2P_ERR_NO_CONTACTS', () => world.drive(dht.findPeer('nobody')));
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => world.drive(dht.get('nothing')));
    await peerErrorOf('P2P_ERR_INVALID_VALUE', () => world.drive(dht.put(Buffer.alloc(4_097))));
    await world.drive(node.close());
  });
});
