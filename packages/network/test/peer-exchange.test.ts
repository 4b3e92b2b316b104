import { describe, expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';
import type { AddressBook } from '@pea2pea/network';
import { addressBook, peerExchange, type PeerExchangeOptions } from '@pea2pea/network';
import { protocol, protocols, withProtocols, type Protocol } from '@pea2pea/streams';
import { peerErrorOf, simulate, type World } from '@pea2pea/testing';
import {
  apart,
  begin,
  bookOf,
  component,
  exchangeOf,
  networkPeer,
  PORT,
  statusOf,
  type NetworkPeer,
} from './network-lab.js';

const MINUTE = 60_000;
const texts = (book: AddressBook): string[] => book.all().map(({ address }) => address.toString());

/** A node of a stranger, who says what they like. */
async function stranger(world: World, host: string, onMessage: (message: unknown) => unknown) {
  const sim = world.host(host);
  const node = new PeerNode<unknown>({ codec: withProtocols(json()), ...sim.config }).use(protocols());
  const heard: unknown[] = [];
  const talk: Protocol<unknown> = protocol<unknown>(node, {
    name: 'pea2pea/peers',
    versions: [1],
    codec: json(),
    onMessage: (message, connection) => {
      heard.push(message);
      const reply = onMessage(message);
      return reply === undefined ? undefined : talk.send(connection, reply);
    },
  });
  await world.drive(node.listen({ host, port: PORT }));
  return { node, heard, say: (message: unknown) => talk.send([...node.connections][0]!, message) };
}

async function victim(world: World, options: PeerExchangeOptions = {}): Promise<NetworkPeer> {
  const manager = { outbound: 0, feelerEveryMs: 0 };
  return begin(world, networkPeer(world.host('99.1.0.1'), { manager, exchange: options }));
}

const typeOf = (message: unknown): unknown => (message as { readonly type?: unknown }).type;

describe('peers that exchange addresses', () => {
  it('find all others from one that all know', async () => {
    const world = simulate({ seed: 1, latencyMs: [5, 40] });
    const first = await begin(world, networkPeer(world.host(apart(0))));
    const peers = [first];
    for (let index = 1; index < 40; index++) {
      const peer = networkPeer(world.host(apart(index)), { book: { seeds: [first.address] } });
      peers.push(await begin(world, peer));
    }
    await world.until(
      'each has as many as it wants',
      () => peers.every((peer) => statusOf(peer).outbound === 8),
      60 * MINUTE,
    );
    expect(component(peers)).toBe(peers.length);
    expect(Math.min(...peers.map((peer) => bookOf(peer).size))).toBeGreaterThan(15);
  });

  it('heal when a third of them is gone at once', async () => {
    const world = simulate({ seed: 2, latencyMs: [5, 40] });
    const first = await begin(world, networkPeer(world.host(apart(0))));
    const peers = [first];
    for (let index = 1; index < 30; index++) {
      const peer = networkPeer(world.host(apart(index)), {
        book: { seeds: [first.address] },
        manager: { outbound: 4 },
      });
      peers.push(await begin(world, peer));
    }
    await world.until(
      'all are connected',
      () => peers.every((peer) => statusOf(peer).outbound >= 4),
      60 * MINUTE,
    );
    const [gone, left] = [peers.slice(0, 10), peers.slice(10)];
    for (const { host } of gone) world.crash(host);
    await world.until(
      'those that are left have others',
      () =>
        left.every(({ node }) => {
          const hosts = [...node.connections].filter(({ direction }) => direction === 'outbound');
          return (
            hosts.length === 4 &&
            hosts.every(({ address }) => gone.every(({ host }) => host.address !== address.host))
          );
        }),
      120 * MINUTE,
    );
    expect(component(left)).toBe(left.length);
  });

  it('stay one component where a tenth of them is replaced each minute', async () => {
    const world = simulate({ seed: 12, latencyMs: [10, 80] });
    const first = await begin(world, networkPeer(world.host(apart(0))));
    const live = [first];
    let serial = 0;
    const join = async () => {
      const seeds = live.slice(0, 3).map(({ address }) => address);
      live.push(await begin(world, networkPeer(world.host(apart(++serial)), { book: { seeds } })));
    };
    while (live.length < 60) await join();
    await world.run('1 min');
    for (let minute = 0; minute < 10; minute++) {
      for (let count = 0; count < 6; count++) {
        const [gone] = live.splice(1 + Math.floor(world.random.next() * (live.length - 1)), 1);
        world.crash(gone!.host);
        await join();
        await world.run('10 s');
      }
      expect([minute, component(live)]).toEqual([minute, live.length]);
    }
  });

  it('tell where they listen, at the address that they are seen at, with the identity that they have proved', async () => {
    const world = simulate({ seed: 3 });
    const server = await victim(world);
    const client = networkPeer(world.host(['20.0.0.1']), {
      book: { seeds: [server.address] },
      manager: { outbound: 1 },
    });
    await world.drive(client.node.listen({ host: '0.0.0.0', port: 5_000 }));
    await world.until('the server knows it', () => bookOf(server).size === 1);
    expect(texts(bookOf(server))).toEqual(['20.0.0.1:5000']);
  });

  it('do not tell where they listen if they do not want to', async () => {
    const world = simulate({ seed: 4 });
    const server = await victim(world);
    const client = networkPeer(world.host('20.0.0.1'), {
      book: { seeds: [server.address] },
      exchange: { announce: false },
    });
    await begin(world, client);
    await world.run('1 min');
    expect([client.node.connections.size, bookOf(server).size]).toEqual([1, 0]);
  });

  it('learn at which address others see them, where two groups say the same', async () => {
    const world = simulate({ seed: 5 });
    const server = await victim(world);
    const exchange = exchangeOf(server);
    for (const index of [1, 2]) {
      expect(exchange.observedHost).toBeUndefined();
      const other = await stranger(world, apart(index), () => undefined);
      await world.drive(other.node.connect(server.address));
      await world.drive(other.say({ type: 'hello', listens: [], sees: '99.1.0.1:4000' }));
      await world.run('1 s');
    }
    expect(exchange.observedHost).toBe('99.1.0.1');
  });
});

describe('a peer that tells what it likes', () => {
  /** A stranger that has dialled in, and may say something. */
  async function dialledIn(options: PeerExchangeOptions = {}) {
    const world = simulate({ seed: 6 });
    const peer = await victim(world, options);
    const other = await stranger(world, '20.0.0.1', () => undefined);
    await world.drive(other.node.connect(peer.address));
    await world.run('1 s');
    return { world, peer, other, say: (message: unknown) => world.drive(other.say(message)) };
  }

  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => [`30.${index}.0.1:4000`, 10] as const);

  it('moves nothing with addresses that nobody asked for', async () => {
    const { world, peer, say } = await dialledIn();
    for (let round = 0; round < 40; round++) await say({ type: 'peers', peers: many(250) });
    await world.run('1 s');
    expect(bookOf(peer).size).toBe(0);
    expect(exchangeOf(peer).counts.nonsense).toBe(40);
  });

  it('has as many taken as its allowance is, and one a moment later', async () => {
    const { world, peer, other } = await dialledIn({
      maxPerReply: 50,
      acceptPerMinute: 60,
      askEveryMs: 1_000,
    });
    await world.until('it is asked', () => other.heard.some((message) => typeOf(message) === 'want'));
    await world.drive(other.say({ type: 'peers', peers: many(250) }));
    await world.run('50 ms');
    const { taken, ignored } = exchangeOf(peer).counts;
    expect(taken).toBeGreaterThanOrEqual(50);
    expect(taken).toBeLessThan(56);
    expect(taken + ignored).toBe(250);
    expect(bookOf(peer).size).toBeLessThanOrEqual(taken);
  });

  it('is told a part of the book, and not again too soon', async () => {
    const { world, peer, other, say } = await dialledIn({ replyEveryMs: 20_000 });
    for (const [text] of many(100)) bookOf(peer).add(text, { kind: 'configured' });
    for (let round = 0; round < 5; round++) await say({ type: 'want', limit: 1_000 });
    await world.run('1 s');
    const replies = other.heard.filter((message) => typeOf(message) === 'peers') as { peers: unknown[] }[];
    expect(replies.length).toBe(1);
    expect(replies[0]!.peers.length).toBeLessThanOrEqual(Math.ceil(bookOf(peer).size / 4));
    expect(exchangeOf(peer).counts.tooSoon).toBe(4);
    await world.run('20 s');
    await say({ type: 'want', limit: 3 });
    await world.until(
      'it is told more',
      () => other.heard.filter((message) => typeOf(message) === 'peers').length === 2,
    );
    expect((other.heard.at(-1) as { peers: unknown[] }).peers.length).toBe(3);
  });

  it('has no address of a local network taken, and none of this node', async () => {
    const { world, peer, say } = await dialledIn();
    await say({
      type: 'hello',
      listens: ['192.168.0.1:4000', '127.0.0.1:22', '99.1.0.1:4000', '[::]:0', 'unix:/run/x.sock', 'x'],
      sees: 'x',
    });
    await world.run('1 s');
    expect(texts(bookOf(peer))).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a number', 7],
    ['a list', []],
    ['an object without a type', {}],
    ['a request without a limit', { type: 'want' }],
    ['a negative limit', { type: 'want', limit: -1 }],
    ['half an address', { type: 'want', limit: 1.5 }],
    ['a string in place of a list', { type: 'hello', listens: 'x', sees: '' }],
    ['nine places', { type: 'hello', listens: Array.from({ length: 9 }, () => '1.1.1.1:1'), sees: '' }],
    ['an address without an age', { type: 'peers', peers: [['1.1.1.1:1']] }],
    ['a number in place of an address', { type: 'peers', peers: [[1, 1]] }],
    ['an age in the future', { type: 'peers', peers: [['1.1.1.1:1', -1]] }],
    ['257 addresses', { type: 'peers', peers: many(257) }],
  ])('says nothing with %s', async (_what, message) => {
    const { world, peer, other, say } = await dialledIn();
    await say(message);
    await world.run('1 s');
    expect(exchangeOf(peer).counts.nonsense).toBe(1);
    expect([bookOf(peer).size, other.node.connections.size]).toEqual([0, 1]);
  });
});

describe('peer exchange is refused', () => {
  const nodeOf = (options: PeerExchangeOptions) =>
    new PeerNode<unknown>({ codec: withProtocols(json()), ...simulate({ seed: 1 }).host('20.0.0.1').config })
      .use(protocols())
      .use(addressBook())
      .use(peerExchange(options));

  it.each([
    { askEveryMs: 1 },
    { replyEveryMs: -1 },
    { maxPerReply: 257 },
    { acceptPerMinute: 0 },
    { addresses: ['nowhere'] },
    { announce: 1 },
    { typo: 1 },
  ])('with %j', async (options) => {
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => nodeOf(options as PeerExchangeOptions).start());
  });
});
