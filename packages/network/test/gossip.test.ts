import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { json } from '@pea2pea/codecs';
import { PeerNode, PLUGIN_STATE } from '@pea2pea/core';
import { ed25519Signer, gossip, GOSSIP_DROPS, type GossipOptions, type Verdict } from '@pea2pea/network';
import { protocols, withProtocols } from '@pea2pea/streams';
import { peerErrorOf, simulate } from '@pea2pea/testing';
import { crowd, dialSome, gossiper, hostOf, type Gossiper } from './gossip-lab.js';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const sorted = ({ heard }: Gossiper): number[] => [...heard].sort((one, other) => one - other);
const LONG = 'x'.repeat(1_000);

/** Whether the two are connected, as far as the first knows, or the same. */
const knows = (one: Gossiper, other: Gossiper): boolean =>
  one === other || [...one.node.connections].some(({ address }) => address.host === other.host.address);

describe('gossip', () => {
  it('brings each message once to all who have subscribed, from whoever publishes it', async () => {
    const world = simulate({ seed: 1, latencyMs: [5, 40] });
    const all = await crowd(world, 30);
    await world.run('3 s');
    for (const number of upTo(30)) all[number]!.tell(number);
    await world.until('all have heard all', () => all.every(({ heard }) => heard.length === 29), 20_000);
    await world.run('30 s');
    for (const [index, one] of all.entries()) {
      expect(sorted(one)).toEqual(upTo(30).filter((number) => number !== index));
    }
    expect(all[3]!.abouts[0]).toMatchObject({ topic: 'rumours', origin: undefined });
    expect(all[3]!.abouts[0]!.id).toMatch(/^[0-9a-f]{32}$/);
  });

  it('keeps a mesh between its bounds, mutual, with connections that each has dialled', async () => {
    const world = simulate({ seed: 2 });
    const options = { minDegree: 3, degree: 4, maxDegree: 8, minOutbound: 1, backoffMs: 5_000 };
    const all = await crowd(world, 24, { ...options, degree: 4 });
    await world.run('30 s');
    for (const one of all) {
      const hosts = one.topic.mesh.map(({ address }) => address.host);
      expect(hosts.length).toBeGreaterThanOrEqual(3);
      expect(hosts.length).toBeLessThanOrEqual(9);
      const mutual = all.filter((other) =>
        other.topic.mesh.some(({ address }) => address.host === one.host.address),
      );
      expect(mutual.map(({ host }) => String(host.address)).sort()).toEqual(hosts.sort());
    }
  });

  it('sends long messages little more than twice to each, as those who are slower only name them', async () => {
    const world = simulate({ seed: 3, latencyMs: [5, 40] });
    const all = await crowd(world, 30);
    await world.run('5 s');
    for (const number of upTo(40)) {
      all[number % 30]!.tell(number, LONG);
      await world.run('100 ms');
    }
    await world.run('5 s');
    const before = all.reduce((sum, { plugin }) => sum + plugin.counts.sent, 0);
    for (const number of upTo(40)) {
      all[number % 30]!.tell(100 + number, LONG);
      await world.run('100 ms');
    }
    await world.run('10 s');
    for (const [index, { heard }] of all.entries())
      expect([index, heard.length]).toEqual([index, 80 - (index < 10 ? 4 : 2)]);
    const sent = all.reduce((sum, { plugin }) => sum + plugin.counts.sent, 0) - before;
    expect(sent / (40 * 29)).toBeLessThan(2.7);
  });

  it('has whoever comes late catch up with what is kept, and no more', async () => {
    const world = simulate({ seed: 4 });
    const all = await crowd(world, 5, { historyMs: 30_000 });
    all[0]!.tell(1);
    await world.run('60 s');
    all[0]!.tell(2);
    all[1]!.tell(3, LONG);
    await world.run('5 s');
    const late = await gossiper(world, hostOf(50), { historyMs: 30_000 });
    await dialSome(world, late, all, 1);
    await world.until('it has caught up', () => late.heard.length === 2, 10_000);
    expect(sorted(late)).toEqual([2, 3]);
    expect(late.abouts[0]!.ageMs).toBeGreaterThan(4_000);
    await world.run('2 min');
    expect(late.heard.length).toBe(2);
  });

  it('heals after a partition: each side hears what the other has published', async () => {
    const world = simulate({ seed: 5 });
    const all = await crowd(world, 16);
    await world.run('3 s');
    const [left, right] = [all.slice(0, 8), all.slice(8)];
    world.partition(
      left.map(({ host }) => host),
      right.map(({ host }) => host),
    );
    await world.run('30 s');
    for (const number of upTo(5)) {
      left[number]!.tell(number);
      right[number]!.tell(10 + number);
      await world.run('1 s');
    }
    expect(sorted(left[7]!)).toEqual([0, 1, 2, 3, 4]);
    expect(sorted(right[7]!)).toEqual([10, 11, 12, 13, 14]);
    world.heal();
    await dialSome(world, left[0]!, right, 1);
    await world.until(
      'all have all',
      () => all.every(({ heard }, index) => heard.length >= (index % 8 < 5 ? 9 : 10)),
      60_000,
    );
  });

  it('tells a slow reader later what it has missed, and accounts for what was not sent', async () => {
    const world = simulate({ seed: 6, bandwidth: '0.1 MB/s' });
    const options = { maxQueuedBytes: 8_192, graceMs: 100, promiseMs: 10_000 };
    const [one, other] = await crowd(world, 2, options);
    await world.run('3 s');
    let refused = 0;
    for (const number of upTo(200)) refused += one!.tell(number, LONG).notSentTo;
    expect(refused).toBeGreaterThan(50);
    expect(one!.plugin.counts.dropped.slow).toBe(refused);
    await world.until('it has heard all', () => other!.heard.length === 200, 120_000);
    expect(other!.plugin.counts.fetched).toBe(refused);
    expect(one!.plugin.counts.served).toBeGreaterThanOrEqual(refused);
  });

  it('survives churn: a rumour reaches all who are there', async () => {
    const world = simulate({ seed: 7, latencyMs: [5, 60] });
    const live = await crowd(world, 20);
    let serial = 20;
    for (let round = 0; round < 20; round++) {
      const [gone] = live.splice(Math.floor(world.random.next() * live.length), 1);
      world.crash(gone!.host);
      const one = await gossiper(world, hostOf(serial++));
      await dialSome(world, one, live, 5);
      live.push(one);
      for (const lonely of live.filter(({ node }) => node.connections.size < 3)) {
        const strangers = live.filter((other) => !knows(lonely, other));
        await dialSome(world, lonely, strangers, 2);
      }
      live[Math.floor(world.random.next() * live.length)]!.tell(round);
      await world.run('3 s');
    }
    await world.run('20 s');
    live[0]!.tell(99);
    await world.until(
      'all hear the last',
      () => live.slice(1).every(({ heard }) => heard.includes(99)),
      20_000,
    );
  });

  it('publishes to subscribers without having subscribed, and passes nothing on after unsubscribing', async () => {
    const world = simulate({ seed: 8 });
    const [one, other] = await crowd(world, 2);
    await world.run('3 s');
    other!.topic.unsubscribe();
    await world.run('1 s');
    expect([one!.topic.subscribers.length, one!.topic.mesh.length]).toEqual([0, 0]);
    expect(one!.tell(1)).toMatchObject({ sentTo: 0, isNew: true });
    expect(other!.tell(2)).toMatchObject({ sentTo: 1 });
    await world.until('it came', () => one!.heard.length === 1);
    other!.topic.subscribe(({ number }) => void other!.heard.push(number));
    await world.until('it catches up', () => other!.heard.length === 1);
    expect(other!.heard).toEqual([1]);
  });

  it('takes what several nodes publish alike as one, where ids are of the content', async () => {
    const world = simulate({ seed: 9 });
    const all = await crowd(world, 6, { ids: 'content' });
    await world.run('3 s');
    expect(all[0]!.tell(1).isNew).toBe(true);
    expect(all[0]!.tell(1).isNew).toBe(false);
    await world.run('3 s');
    expect(all[1]!.tell(1).isNew).toBe(false);
    await world.run('3 s');
    expect(all.map(({ heard }) => heard.length)).toEqual([0, 1, 1, 1, 1, 1]);
  });

  it('tells who has signed a message, and leaves those alone who do not sign', async () => {
    const world = simulate({ seed: 10 });
    const signers = upTo(3).map(() => ed25519Signer(generateKeyPairSync('ed25519').privateKey));
    const all: Gossiper[] = [];
    for (const [index, signer] of signers.entries()) {
      const one = await gossiper(world, hostOf(index), { signer });
      await dialSome(world, one, all.slice(-1), 1);
      all.push(one);
    }
    const unsigned = await gossiper(world, hostOf(9));
    await dialSome(world, unsigned, all, 3);
    await world.run('3 s');
    all[0]!.tell(1);
    unsigned.tell(2);
    await world.run('5 s');
    expect(all.map(({ heard }) => heard)).toEqual([[], [1], [1]]);
    expect(all[2]!.abouts[0]!.origin).toBe(signers[0]!.identity);
    expect(unsigned.heard).toEqual([]);
    expect(unsigned.node.connections.size).toBe(3);
  });

  it('waits for handlers that return promises, and those that throw hurt nobody', async () => {
    const world = simulate({ seed: 11 });
    const open: (() => void)[] = [];
    const onRumour = ({ number }: { readonly number: number }) => {
      if (number === 1) throw new Error('a fault of the handler');
      return new Promise<void>((resolve) => open.push(resolve));
    };
    const one = await gossiper(world, hostOf(0));
    const other = await gossiper(world, hostOf(1), { onRumour });
    await dialSome(world, one, [other], 1);
    await world.run('3 s');
    for (const number of [1, 2, 3]) one.tell(number);
    await world.run('5 s');
    expect(other.heard).toEqual([1, 2]);
    expect(other.plugin.counts.handlerErrors).toBe(1);
    open[0]!();
    await world.until('the next comes', () => other.heard.length === 3);
    expect(other.node.connections.size).toBe(1);
  });

  it('validates before it passes on, with promises, as many at once as it may', async () => {
    const world = simulate({ seed: 12 });
    const verdicts: ((verdict: Verdict) => void)[] = [];
    const validate = () => new Promise<Verdict>((resolve) => verdicts.push(resolve));
    const one = await gossiper(world, hostOf(0));
    const middle = await gossiper(world, hostOf(1), { validate, maxValidating: 2, heartbeatMs: 1_000 });
    const end = await gossiper(world, hostOf(2));
    await dialSome(world, middle, [one, end], 2);
    await world.run('3 s');
    for (const number of [1, 2, 3]) one.tell(number);
    await world.run('100 ms');
    expect([verdicts.length, end.heard.length]).toEqual([2, 0]);
    expect(middle.plugin.counts.dropped.tooBusy).toBe(1);
    verdicts[0]!('accept');
    verdicts[1]!('ignore');
    await world.until('the third is fetched', () => verdicts.length === 3, 60_000);
    verdicts[2]!('accept');
    await world.until('they are passed on', () => end.heard.length === 2);
    expect(sorted(end)).toEqual([1, 3]);
    expect(middle.plugin.counts.dropped.ignored).toBe(1);
    expect(one.plugin.scoreOf([...one.node.connections][0]!)).toBeGreaterThanOrEqual(0);
  });

  it('shows in snapshots what it does', async () => {
    const world = simulate({ seed: 13 });
    const [one] = await crowd(world, 3);
    await world.run('3 s');
    one!.tell(1);
    const state = one!.plugin[PLUGIN_STATE]() as { topics: unknown[] };
    expect(state).toMatchObject({ published: 1, sent: 2, peers: 2, kept: { messages: 1 }, wanted: 0 });
    expect(state.topics).toEqual([
      { name: 'rumours', isSubscribed: true, subscribers: 2, mesh: 2, eager: 2 },
    ]);
    expect(Object.keys(one!.plugin.counts.dropped)).toEqual(Object.keys(GOSSIP_DROPS));
  });

  it('forgets what it has seen only after its time, or when it is too much, and counts that', async () => {
    const world = simulate({ seed: 14 });
    const [one, other] = await crowd(world, 2, { maxSeen: 10, historyBytes: 0 });
    await world.run('3 s');
    for (const number of upTo(25)) one!.tell(number);
    await world.run('3 s');
    expect(other!.heard.length).toBe(25);
    expect(other!.plugin.counts.dropped.forgotten).toBe(15);
  });

  it('does nothing where nobody is connected, and stops with its node', async () => {
    const world = simulate({ seed: 15 });
    const [one, other] = await crowd(world, 2);
    await world.run('3 s');
    await world.drive(other!.node.close());
    await world.run('1 s');
    const steps = world.steps;
    await world.run('10 min');
    expect(world.steps - steps).toBeLessThan(2_000);
    expect(one!.tell(1)).toMatchObject({ sentTo: 0, notSentTo: 0 });
  });
});

describe('gossip is refused', () => {
  const nodeOf = (options: GossipOptions) =>
    new PeerNode<unknown>({ codec: withProtocols(json()), ...simulate({ seed: 1 }).host('10.0.0.1').config })
      .use(protocols())
      .use(gossip(options));

  it.each<[GossipOptions]>([
    [{ degree: 0 }],
    [{ minDegree: 7 }],
    [{ maxDegree: 5 }],
    [{ minOutbound: 4 }],
    [{ seenMs: 1_000 }],
    [{ minScore: 0 }],
    [{ ids: 'none' as 'content' }],
    [{ signer: {} as never }],
    [{ typo: 1 } as GossipOptions],
  ])('with %j', async (options) => {
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', async () => nodeOf(options));
  });

  it('a topic without a name or a codec, one that is too long, one too many, and one twice', async () => {
    const plugin = nodeOf({ maxTopics: 2 }).plugin(gossip);
    const codec = json<unknown>();
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', async () => plugin.topic('', { codec }));
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', async () => plugin.topic('x'.repeat(101), { codec }));
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', async () => plugin.topic('x', {} as never));
    plugin.topic('x', { codec });
    await peerErrorOf('P2P_ERR_TOPIC_TAKEN', async () => plugin.topic('x', { codec }));
    plugin.topic('y', { codec });
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', async () => plugin.topic('z', { codec }));
  });

  it('a message that is too long', async () => {
    const topic = nodeOf({ maxMessageBytes: 10 }).plugin(gossip).topic<string>('x', { codec: json() });
    await peerErrorOf('P2P_ERR_FRAME_TOO_LARGE', async () => topic.publish('x'.repeat(20)));
  });
});
