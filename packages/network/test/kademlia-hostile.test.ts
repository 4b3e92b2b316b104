import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { PeerNode, type Connection } from '@pea2pea/core';
import { addressBook, connectionManager } from '@pea2pea/network';
import { contentKey, nodeId, signValue, type DhtRecord } from '@pea2pea/network/kademlia';
import { protocol, protocols, withProtocols, type Protocol } from '@pea2pea/streams';
import { simulate, type World } from '@pea2pea/testing';
import { writeRecord } from '../src/kademlia/record.js';
import { apart, begin, believed, dhtPeer, network, PORT, together, type DhtPeer } from './kademlia-lab.js';

const SMALL = { k: 4, alpha: 3, paths: 2 } as const;
const bytes = (text: string) => Buffer.from(text);

interface Request {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly target: string };
}

/** A node of a stranger, who replies what they like. */
async function stranger(
  world: World,
  host: string,
  identity: string,
  reply: (request: Request) => unknown = () => ({ contacts: [] }),
  hello: unknown = { listens: [`0.0.0.0:${PORT}`] },
) {
  const sim = world.host(host);
  const node = new PeerNode<unknown>({ codec: withProtocols(json()), ...sim.config })
    .use(believed(identity))
    .use(protocols());
  const heard: {
    readonly id?: number;
    readonly error?: { readonly code: number; readonly message: string };
  }[] = [];
  const wire: Protocol<unknown> = protocol<unknown>(node, {
    name: 'pea2pea/kademlia',
    versions: [1],
    codec: json(),
    hello,
    onMessage: (message, connection) => {
      const request = message as Request;
      if (request.method !== undefined) {
        return wire.send(connection, { jsonrpc: '2.0', id: request.id, result: reply(request) });
      }
      heard.push(request);
      return undefined;
    },
  });
  await world.drive(node.listen({ host, port: PORT }));
  let serial = 0;
  const ask = async (connection: Connection, method: string, params: unknown) => {
    const id = ++serial;
    await world.drive(wire.send(connection, { jsonrpc: '2.0', id, method, params }));
    await world.until('a response', () => heard.some((response) => response.id === id));
    return heard.find((response) => response.id === id)!;
  };
  const dial = ({ host: { address } }: DhtPeer) => world.drive(node.connect(`${address}:${PORT}`));
  return { node, address: `${identity}@${host}:${PORT}`, wire, heard, ask, dial };
}

/** An identity whose id begins like `id`, in so many bits. */
function ground(id: string, bits: number, name: string): string {
  const wanted = BigInt(`0x${id}`) >> BigInt(256 - bits);
  for (let index = 0; ; index++) {
    const identity = `${name}-${index}`;
    if (BigInt(`0x${nodeId(identity)}`) >> BigInt(256 - bits) === wanted) return identity;
  }
}

const close = async (world: World, nodes: readonly { readonly node: PeerNode<unknown> }[]) => {
  for (const { node } of nodes) await world.drive(node.close());
};

describe('a stranger that sends what they like', () => {
  it.each<[string, string, unknown]>([
    ['a target that is not an id', 'find_node', { target: 'x' }],
    ['a target in capitals', 'find_value', { target: 'AB'.repeat(32) }],
    ['no params', 'find_providers', undefined],
    ['a record that is not one', 'store', { record: 7, ttlSeconds: 1 }],
    ['a time that is not one', 'store', { record: { value: '' }, ttlSeconds: -1 }],
    ['a key that is not one', 'provide', { key: 7 }],
  ])('has %s refused', async (_what, method, params) => {
    const world = simulate({ seed: 1 });
    const victim = await begin(world, dhtPeer(world.host(apart(0)), SMALL));
    const other = await stranger(world, apart(1), 'other');
    const connection = await other.dial(victim);
    expect((await other.ask(connection, method, params)).error?.code).toBe(-32602);
    expect([connection.state, victim.dht.report.values, victim.dht.report.providers]).toEqual(['open', 0, 0]);
    await close(world, [victim, other]);
  });

  it('stores no more than the share of their group, nothing forged or over, and each refusal is counted', async () => {
    const world = simulate({ seed: 2 });
    const options = {
      ...SMALL,
      maxValues: 8,
      maxValuesPerGroup: 3,
      maxProvidersPerGroup: 2,
      maxValueBytes: 50,
    };
    const victim = await begin(world, dhtPeer(world.host(apart(0)), options));
    const other = await stranger(world, apart(1), 'other');
    const connection = await other.dial(victim);
    const store = async (record: DhtRecord) =>
      (await other.ask(connection, 'store', { record: writeRecord(record), ttlSeconds: 60 })).error?.message;
    for (const text of ['a', 'b', 'c']) expect(await store({ value: bytes(text) })).toBeUndefined();
    expect(await store({ value: bytes('d') })).toBe('full');
    expect(await store({ value: bytes('e'.repeat(51)) })).toBe('invalid');
    const { privateKey } = generateKeyPairSync('ed25519');
    const sign = (expiresMs: number) => signValue({ privateKey, sequence: 1, value: bytes('s'), expiresMs });
    const dateMs = victim.host.config.clock.date();
    expect(await store(sign(dateMs - 1_000))).toBe('invalid');
    const good = sign(dateMs + 60_000);
    expect(await store({ ...good, value: bytes('t') })).toBe('invalid');
    const provide = async (key: string) =>
      (await other.ask(connection, 'provide', { key: contentKey(bytes(key)) })).error?.message;
    expect([await provide('a'), await provide('b'), await provide('c')]).toEqual([
      undefined,
      undefined,
      'full',
    ]);
    const { refused, values, providers } = victim.dht.report;
    expect([refused.full, refused.invalid, values, providers]).toEqual([2, 3, 3, 2]);
    expect(victim.host.log.some(({ text }) => text === 'requests of kademlia were refused')).toBe(true);
    await close(world, [victim, other]);
  });

  it('provides nothing if they do not listen where they are seen', async () => {
    const world = simulate({ seed: 3 });
    const victim = await begin(world, dhtPeer(world.host(apart(0)), SMALL));
    for (const [index, hello] of [
      { listens: [`9.9.9.9:${PORT}`] },
      { listens: 'x' },
      null,
      { listens: ['::'] },
    ].entries()) {
      const other = await stranger(world, apart(1 + index), `other-${index}`, undefined, hello);
      const response = await other.ask(await other.dial(victim), 'provide', { key: 'ab'.repeat(32) });
      expect(response.error?.message).toBe('unreachable');
      await close(world, [other]);
    }
    expect([victim.dht.report.refused.unreachable, victim.dht.contacts]).toEqual([4, []]);
    await close(world, [victim]);
  });

  it('has keys refused that others are closer to, and too many requests', async () => {
    const world = simulate({ seed: 4, latencyMs: [5, 40] });
    const peers = await network(world, 16, { ...SMALL, k: 2, requestsPerSecond: 5 });
    const victim = peers[3]!;
    const other = await stranger(world, apart(99), 'other');
    const connection = await other.dial(victim);
    // The farthest key there is.
    const key = Buffer.from(nodeId(victim.identity), 'hex').map((byte) => byte ^ 0xff);
    const far = await other.ask(connection, 'provide', { key: Buffer.from(key).toString('hex') });
    expect(far.error?.message).toBe('far');
    for (let count = 0; count < 40; count++) {
      await world.drive(other.wire.send(connection, { jsonrpc: '2.0', id: 1_000 + count, method: 'ping' }));
    }
    await world.until('all are responded to', () => other.heard.some(({ id }) => id === 1_039));
    expect(other.heard.filter(({ error }) => error?.message === 'busy').length).toBeGreaterThan(25);
    expect(victim.dht.report.refused).toMatchObject({ far: 1 });
    expect(victim.dht.report.refused.busy).toBeGreaterThan(25);
    await close(world, [other, ...peers]);
  });
});

describe('hostile nodes in a network', () => {
  it('that name honest addresses with other identities get nobody into a table, and mislead no look-up', async () => {
    const world = simulate({ seed: 5, latencyMs: [5, 40] });
    const peers = await network(world, 20, SMALL);
    const liars = [];
    for (let index = 0; index < 5; index++) {
      const lies = () => ({
        contacts: peers.slice(0, 4).map(({ host }, at) => `false-${index}-${at}@${host.address}:${PORT}`),
      });
      const liar = await stranger(world, apart(100 + index), `liar-${index}`, lies);
      liars.push(liar);
      for (const peer of peers) await liar.dial(peer);
    }
    for (const [index, peer] of peers.entries()) {
      const other = peers[(index + 7) % peers.length]!;
      expect(String(await world.drive(peer.dht.findPeer(other.identity)))).toBe(other.address);
    }
    const known = peers.flatMap(({ dht }) => dht.contacts.map(({ peer }) => peer.identity!));
    expect(known.filter((identity) => identity.startsWith('false'))).toEqual([]);
    expect(known.some((identity) => identity.startsWith('liar'))).toBe(true);
    expect(peers.some(({ dht }) => dht.report.dialFailures > 0)).toBe(true);
    await close(world, [...liars, ...peers]);
  });

  it('that are closest to a key forge nothing there', async () => {
    const world = simulate({ seed: 6, latencyMs: [5, 40] });
    const peers = await network(world, 20, SMALL);
    const key = contentKey(bytes('the truth'));
    const forged = { contacts: [], record: { value: bytes('a lie').toString('base64') }, ttlSeconds: 60 };
    const liars = [];
    for (let index = 0; index < 3; index++) {
      const identity = ground(key, 8, `liar-${index}`);
      const liar = await stranger(world, apart(100 + index), identity, ({ method }) =>
        method === 'find_value' ? forged : method === 'store' ? null : { contacts: [] },
      );
      liars.push(liar);
      for (const peer of peers) await liar.dial(peer);
    }
    await world.drive(peers[0]!.dht.put(bytes('the truth')));
    for (const peer of peers.slice(10)) {
      const found = (await world.drive(peer.dht.get(key)))?.value.toString();
      expect(['the truth', undefined]).toContain(found);
    }
    expect(peers.reduce((sum, { dht }) => sum + dht.report.discarded, 0)).toBeGreaterThan(0);
    await close(world, [...liars, ...peers]);
  });

  it('of one group around a victim get the places of their group, and the victim finds all others', async () => {
    const world = simulate({ seed: 7, latencyMs: [5, 40] });
    const peers = await network(world, 20, SMALL);
    const victim = peers[4]!;
    const id = nodeId(victim.identity);
    const sybils: Awaited<ReturnType<typeof stranger>>[] = [];
    for (let index = 0; index < 30; index++) {
      const all = () => ({ contacts: sybils.map(({ address }) => address) });
      const sybil = await stranger(world, together(index), ground(id, 4, `sybil-${index}`), all);
      sybils.push(sybil);
      await sybil.dial(victim);
    }
    await world.run('1 min');
    const ofSybils = victim.dht.contacts.filter(({ peer }) => peer.identity!.startsWith('sybil'));
    expect(ofSybils.length).toBeLessThanOrEqual(10);
    expect(victim.dht.report.table.crowded).toBeGreaterThan(15);
    for (const other of peers) {
      if (other === victim) continue;
      expect(String(await world.drive(victim.dht.findPeer(other.identity)))).toBe(other.address);
    }
    const { key } = await world.drive(victim.dht.put(bytes('not eclipsed')));
    expect((await world.drive(peers[12]!.dht.get(key)))?.value.toString()).toBe('not eclipsed');
    await close(world, [...sybils, ...peers]);
  });
});

describe('connections that are dialled for queries', () => {
  it('take no slot of the connection manager', async () => {
    const world = simulate({ seed: 8, latencyMs: [5, 40] });
    const peers = await network(world, 6, SMALL);
    const host = world.host(apart(50));
    const also = (node: PeerNode<unknown>) =>
      node.use(addressBook({ secret: 'a secret of sixteen' })).use(connectionManager({ outbound: 1 }));
    const managed = dhtPeer(host, { ...SMALL, seeds: [peers[0]!.address], also });
    await begin(world, managed);
    expect(managed.dht.report.connections).toBeGreaterThan(0);
    const manager = managed.node.plugin(connectionManager);
    expect([manager.status.outbound, manager.hasSlot]).toEqual([0, true]);
    await close(world, [managed, ...peers]);
  });
});
