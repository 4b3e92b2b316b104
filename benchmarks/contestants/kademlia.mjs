// A simulated network of Kademlia nodes of which a part is replaced each minute: look-ups that succeed, and their hops. Identities are
// taken at their word: what Noise costs is measured elsewhere, and hundreds of thousands of handshakes would measure little else.
import { json } from '@pea2pea/codecs';
import { peerIdentity, PeerNode } from '@pea2pea/core';
import { contentKey, kademlia } from '@pea2pea/network/kademlia';
import { protocols, withProtocols } from '@pea2pea/streams';
import { simulate } from '@pea2pea/testing';
import { silentLogger } from '../harness/silent-logger.mjs';

const MINUTE_MS = 60_000;
const VALUES = 50;
/** Of each kind, a minute. */
const LOOK_UPS = 30;

/** @returns {Promise<object>} what was counted in all */
export async function run({ nodes, minutes, replacedAMinute, note }) {
  const world = simulate({ seed: 1, latencyMs: [5, 80], hashBytes: false });
  const started = process.cpuUsage();
  const live = [];
  const totals = { dials: 0, queries: 0, failures: 0, node: [], value: [] };
  let serial = 0;
  const pick = () => live[Math.floor(world.random.next() * live.length)];

  const join = async () => {
    const index = serial++;
    const host = world.host(`${20 + (index >> 8)}.${index & 255}.0.1`);
    const identity = `node-${index}`;
    const seeds = live.length === 0 ? [] : [pick(), pick(), pick()].map(({ address }) => address);
    const options = { refreshEveryMs: 5 * MINUTE_MS, replicateEveryMs: 2 * MINUTE_MS };
    const node = new PeerNode({ codec: withProtocols(json()), ...host.config, logger: silentLogger })
      .use(believed(identity))
      .use(protocols())
      .use(kademlia({ localIdentity: identity, seeds, ...options }));
    await node.listen({ host: host.address, port: 4000 });
    const dht = node.plugin(kademlia);
    live.push({ host, identity, dht, sinceMs: world.nowMs, address: `${identity}@${host.address}:4000` });
    await dht.join();
  };
  const leave = () => {
    const [gone] = live.splice(Math.floor(world.random.next() * live.length), 1);
    take(gone);
    world.crash(gone.host);
  };
  /** What a node has counted goes into the totals. */
  const take = ({ dht }) => {
    const { dials, lookUps } = dht.report;
    totals.dials += dials;
    for (const kind of ['node', 'value']) {
      totals.queries += lookUps[kind].queries;
      totals.failures += lookUps[kind].failures;
      lookUps[kind].hops.forEach((count, hops) => (totals[kind][hops] = (totals[kind][hops] ?? 0) + count));
    }
  };
  const cpuSeconds = () => {
    const { user, system } = process.cpuUsage(started);
    return Math.round((user + system) / 1e6);
  };

  while (live.length < nodes) {
    // Many at once, or the first would wait for hours for the last.
    const count = Math.min(nodes - live.length, Math.max(1, live.length), 50);
    await world.drive(Promise.all(Array.from({ length: count }, join)));
    if (live.length % 100 < count) {
      note(`${live.length} nodes have joined, after ${cpuSeconds()} s of processor time`);
    }
  }
  const keys = [];
  for (let index = 0; index < VALUES; index++) {
    const value = Buffer.from(`value ${index}`);
    await world.drive(pick().dht.put(value));
    keys.push(contentKey(value));
  }
  await world.run('1 min');
  const counts = { peers: 0, peersFound: 0, values: 0, valuesFound: 0, errors: 0 };
  const settled = () => live.filter(({ sinceMs }) => world.nowMs - sinceMs >= MINUTE_MS);
  const one = (list) => list[Math.floor(world.random.next() * list.length)];
  const lookUp = async () => {
    const [from, to] = [one(settled()), one(settled())];
    const [found, value] = await Promise.all([from.dht.findPeer(to.identity), from.dht.get(one(keys))]);
    // Whoever left meanwhile had nothing to find, and nobody to find it for.
    if (!live.includes(from)) return;
    counts.values++;
    if (value !== undefined) counts.valuesFound++;
    if (!live.includes(to)) return;
    counts.peers++;
    if (String(found) === to.address) counts.peersFound++;
  };
  for (let minute = 1; minute <= minutes; minute++) {
    for (let count = 0; count < replacedAMinute; count++) {
      leave();
      void join();
      if (count % Math.max(1, Math.floor(replacedAMinute / LOOK_UPS)) === 0) {
        lookUp().catch(() => void counts.errors++);
      }
      await world.run(`${Math.floor(MINUTE_MS / replacedAMinute)} ms`);
    }
    note(`minute ${minute}: ${JSON.stringify(counts)}, ${cpuSeconds()} s of processor time`);
  }
  await world.run('1 min');
  live.forEach(take);
  return {
    ...counts,
    ...totals,
    p50Node: half(totals.node),
    p50Value: half(totals.value),
    cpuSeconds: cpuSeconds(),
    elapsedMs: world.nowMs,
  };
}

/** The hops of at least half of the look-ups. */
function half(hops) {
  const all = hops.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  return hops.findIndex((count) => (seen += count) * 2 >= all);
}

function believed(identity) {
  return {
    async onHandshake(handshake) {
      const name = Buffer.from(identity);
      await handshake.write(Buffer.concat([Buffer.from([name.length]), name]));
      const [length] = await handshake.read(1);
      handshake.context.set(peerIdentity, (await handshake.read(length)).toString());
    },
  };
}
