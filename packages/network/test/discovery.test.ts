import { afterEach, describe, expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { memoryTransport, PeerNode, PLUGIN_STATE, type Logger } from '@pea2pea/core';
import { ControlledClock, seededRandom } from '@pea2pea/core/testing';
import {
  addressBook,
  connectionManager,
  discovery,
  dnsSeed,
  listed,
  type DiscoveryOptions,
  type DiscoverySource,
  type DnsResolver,
} from '@pea2pea/network';
import { peerErrorOf, simulate, turn, until } from '@pea2pea/testing';
import { apart, begin, component, networkPeer, PORT } from './network-lab.js';

const KEY = '9f'.repeat(32);
const NAME = 'seed.example.org';

/** A resolver with these records; a kind that is missing has no data. */
function resolver(records: { a?: string[]; aaaa?: string[]; txt?: string[][] }): DnsResolver {
  const reply = <T>(found: T | undefined): Promise<T> =>
    found === undefined
      ? Promise.reject(Object.assign(new Error('queryA ENODATA'), { code: 'ENODATA' }))
      : Promise.resolve(found);
  return {
    resolve4: () => reply(records.a),
    resolve6: () => reply(records.aaaa),
    resolveTxt: () => reply(records.txt),
  };
}

const find = async (source: DiscoverySource): Promise<string[]> =>
  (await source.find(new AbortController().signal)).map(String);

describe('a name of DNS', () => {
  it('stands for all of its addresses with the port, and for those in its TXT records', async () => {
    const records = {
      a: ['203.0.113.7', '198.51.100.4'],
      aaaa: ['2001:db8::7'],
      txt: [
        ['v=spf1 -all'],
        [`${KEY}@198.51.100.4:4000 `, '/ip4/192.0.2.1/tcp/4001'],
        ['dnsaddr=/dns4/peer.example.org/tcp/4000/p2p/12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'],
      ],
    };
    expect(await find(dnsSeed(`${NAME}:4000`, { resolver: resolver(records) }))).toEqual([
      `${KEY}@198.51.100.4:4000`,
      '192.0.2.1:4001',
      '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq@peer.example.org:4000',
      '203.0.113.7:4000',
      '[2001:db8::7]:4000',
    ]);
  });

  it('without a port is asked for TXT records alone', async () => {
    const records = { a: ['203.0.113.7'], txt: [['203.0.113.8:4000']] };
    expect(await find(dnsSeed(NAME, { resolver: resolver(records) }))).toEqual(['203.0.113.8:4000']);
  });

  it('has the addresses of one family where there are none of the other', async () => {
    expect(await find(dnsSeed(`${NAME}:4000`, { resolver: resolver({ aaaa: ['2001:db8::7'] }) }))).toEqual([
      '[2001:db8::7]:4000',
    ]);
  });

  it('that has no records at all fails with what the resolver says', async () => {
    const error = await peerErrorOf('P2P_ERR_NO_RECORDS', () =>
      find(dnsSeed(NAME, { resolver: resolver({}) })),
    );
    expect(error.cause).toMatchObject({ code: 'ENODATA' });
  });

  it('with 10000 records has no more than 256 of a kind', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => `203.0.${index >> 8}.${index & 255}`);
    const records = { a: many, txt: many.map((ip) => [`${ip}:4001`]) };
    const found = await find(dnsSeed(`${NAME}:4000`, { resolver: resolver(records) }));
    expect(found.length).toBeGreaterThan(256);
    expect(found.length).toBeLessThanOrEqual(512);
  });

  it.each(['', '203.0.113.7:4000', '203.0.113.7', 'unix:/run/app.sock', `${NAME}:0`, `${NAME}:70000`, 'a b'])(
    'is not %j',
    async (name) => {
      await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => dnsSeed(name));
    },
  );
});

describe('discovery', () => {
  const nodes: PeerNode<unknown>[] = [];
  afterEach(() => Promise.all(nodes.splice(0).map((node) => node.close())));

  async function start(options: DiscoveryOptions) {
    const clock = new ControlledClock();
    const warnings: unknown[] = [];
    const silent = (): void => {};
    const logger: Logger = {
      debug: silent,
      info: silent,
      warn: (fields) => void warnings.push(fields),
      error: silent,
      child: () => logger,
    };
    const random = seededRandom(1);
    const node = new PeerNode<unknown>({ codec: json(), transport: memoryTransport(), clock, random, logger })
      .use(addressBook({ secret: 'a secret of a test' }))
      .use(discovery(options));
    nodes.push(node);
    await node.start();
    const plugin = node.plugin(discovery);
    return {
      node,
      clock,
      warnings,
      plugin,
      counts: () => plugin.counts[0]!,
      book: node.plugin(addressBook).book,
    };
  }

  it('feeds the book from each source, and counts what came of it', async () => {
    const seen = await start({
      sources: [
        listed(['10.0.0.1:4000']),
        dnsSeed(`${NAME}:4000`, {
          resolver: resolver({
            a: ['203.0.113.7', '10.0.0.9'],
            txt: [['127.0.0.1:1 0.0.0.0:1 h.example.org:0']],
          }),
        }),
      ],
    });
    await until(() => seen.book.size === 2);
    expect(seen.book.get('10.0.0.1:4000')).toMatchObject({ source: 'configured' });
    expect(seen.book.get('203.0.113.7:4000')).toMatchObject({ source: 'discovered' });
    expect(seen.plugin[PLUGIN_STATE]()).toEqual({
      enough: 32,
      isPoor: true,
      sources: {
        total: 2,
        items: [
          { name: 'list', asked: 1, failed: 0, taken: 1, learned: 1, ignored: 0, isUnderWay: false },
          { name: `dns ${NAME}`, asked: 1, failed: 0, taken: 1, learned: 1, ignored: 4, isUnderWay: false },
        ],
      },
    });
  });

  it('takes addresses of local networks from a name that may tell them', async () => {
    const records = resolver({ a: ['10.0.0.9'] });
    const { book } = await start({ sources: [dnsSeed(`${NAME}:4000`, { resolver: records, local: true })] });
    await until(() => book.size === 1);
  });

  it('says once where nothing of what a source found could be used', async () => {
    const seen = await start({
      sources: [dnsSeed(`${NAME}:4000`, { resolver: resolver({ a: ['10.0.0.9'] }) })],
    });
    await until(() => seen.counts().ignored === 1);
    await seen.plugin.ask();
    expect(seen.warnings).toEqual([{ source: `dns ${NAME}`, found: 1 }]);
  });

  it('asks again with longer and longer delays while the book is poor', async () => {
    let found: string[] = [];
    const seen = await start({
      sources: [{ name: 'own', find: () => found }],
      enough: 2,
      minDelayMs: 1_000,
      maxDelayMs: 8_000,
      lookEveryMs: 60_000,
    });
    const askedWithin = async (ms: number): Promise<number> => {
      const before = seen.counts().asked;
      for (let passed = 0; passed < ms; passed += 100) {
        seen.clock.advance(100);
        await turn();
      }
      return seen.counts().asked - before;
    };
    expect(await askedWithin(7_000)).toBeGreaterThanOrEqual(3);
    const late = await askedWithin(32_000);
    expect(late).toBeGreaterThanOrEqual(4);
    expect(late).toBeLessThanOrEqual(8);
    found = ['203.0.113.7:4000', '198.51.100.7:4000', 'nonsense'];
    await askedWithin(8_000);
    expect(seen.plugin.isPoor).toBe(false);
    expect(seen.counts()).toMatchObject({ learned: 2 });
  });

  it('asks again where the book has enough, and the node has no connection after all', async () => {
    const seen = await start({ sources: [{ name: 'own', find: () => ['203.0.113.7:4000'] }], enough: 1 });
    await until(() => seen.book.size === 1);
    expect(seen.plugin.isPoor).toBe(false);
    seen.clock.advance(5_000);
    await until(() => seen.counts().asked === 2);
  });

  it('gives all that one source tells a sixteenth of the slots of the book', async () => {
    let round = 0;
    const seen = await start({
      sources: [
        {
          name: 'liar',
          find: () =>
            Array.from({ length: 10_000 }, (_, index) => `${20 + round}.${index >> 8}.${index & 255}.1:4000`),
        },
      ],
      maxPerAsk: 10_000,
    });
    for (round = 1; round < 4; round++) await seen.plugin.ask();
    expect(seen.book.size).toBeLessThanOrEqual(16 * 64);
    expect(seen.book.size).toBeGreaterThan(500);
    expect(seen.counts().taken).toBe(40_000);
  });

  it('takes no more of a source at once than `maxPerAsk`', async () => {
    const many = Array.from({ length: 100 }, (_, index) => `203.${index}.113.7:4000`);
    const seen = await start({ sources: [{ name: 'own', find: () => many }], maxPerAsk: 10 });
    await until(() => seen.counts().taken === 10);
    expect(seen.counts().ignored).toBe(90);
  });

  it('counts and logs a source that throws, and one that finds no array', async () => {
    const find = (): never => {
      throw new Error('out of order');
    };
    const sources = [
      { name: 'broken', find },
      { name: 'odd', find: () => 'a:1' as never },
    ];
    const { plugin, warnings } = await start({ sources });
    await until(() => plugin.counts.every(({ failed }) => failed === 1));
    expect(warnings).toMatchObject([{ source: 'broken' }, { source: 'odd' }]);
  });

  it('gives a source up after `timeoutMs`, and does not ask it again before it has settled', async () => {
    let settle = (_found: string[]): void => {};
    const signals: AbortSignal[] = [];
    const seen = await start({
      sources: [
        {
          name: 'slow',
          find: (signal) => {
            signals.push(signal);
            return new Promise<string[]>((resolve) => (settle = resolve));
          },
        },
      ],
      timeoutMs: 1_000,
      minDelayMs: 100,
    });
    seen.clock.advance(1_000);
    await until(() => seen.counts().failed === 1);
    expect(signals[0]!.aborted).toBe(true);
    expect(await seen.plugin.ask()).toBe(0);
    expect(signals).toHaveLength(1);
    settle(['203.0.113.7:4000']);
    await until(() => (void seen.plugin.ask(), signals.length === 2));
    expect(seen.book.size).toBe(0);
  });

  it('gives up what is under way when the node stops, and counts no failure', async () => {
    let signal: AbortSignal | undefined;
    const seen = await start({
      sources: [{ name: 'slow', find: (given) => ((signal = given), new Promise<never>(() => {})) }],
    });
    await seen.node.close();
    expect(signal?.aborted).toBe(true);
    expect(seen.counts()).toMatchObject({ asked: 1, failed: 0 });
  });

  it.each([
    { sources: 1 },
    { sources: [{ name: 'a' }] },
    { sources: [{ find: () => [] }] },
    { sources: [listed([]), listed([])] },
    { sources: [], enough: 0 },
    { sources: [], minDelayMs: 1_000, maxDelayMs: 10 },
    { sources: [], other: 1 },
  ])('refuses %j', async (options) => {
    const node = new PeerNode<unknown>({ codec: json(), transport: memoryTransport() });
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', async () => {
      node.use(discovery(options as DiscoveryOptions));
      await node.start();
    });
    await node.close();
  });

  it('connects nodes that know no more than a name, also those that start before it has records, and asks no more then', async () => {
    const world = simulate({ seed: 3 });
    const records: { a?: string[] } = {};
    const dns: DnsResolver = {
      resolve4: (name) => resolver(records).resolve4(name),
      resolve6: (name) => resolver({}).resolve6(name),
      resolveTxt: (name) => resolver({}).resolveTxt(name),
    };
    const peers = Array.from({ length: 6 }, (_, index) => {
      const peer = networkPeer(world.host(apart(index)));
      peer.node.use(discovery({ enough: 2, sources: [dnsSeed(`${NAME}:${PORT}`, { resolver: dns })] }));
      return peer;
    });
    for (const peer of peers) await begin(world, peer);
    await world.run('10 s');
    expect(peers.every(({ node }) => node.connections.size === 0)).toBe(true);
    records.a = [apart(0), apart(1)];
    await world.run('120 s');
    expect(component(peers)).toBe(peers.length);
    expect(peers[5]!.node.plugin(connectionManager).status.outbound).toBeGreaterThanOrEqual(2);
    const asked = () => peers.map(({ node }) => node.plugin(discovery).counts[0]!.asked);
    const before = asked();
    expect(Math.min(...before)).toBeGreaterThanOrEqual(2);
    await world.run('10 min');
    expect(asked()).toEqual(before);
    await world.drive(Promise.all(peers.map(({ node }) => node.close())));
  });
});
