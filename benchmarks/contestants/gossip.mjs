// Gossip among many nodes: node gossip.mjs simulated <nodes> <minutes> | tcp <nodes> <messages> | memory
// says   minute   when the nodes are there, and after each minute; then   done {…}
import { json, lengthDelimited } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';
import { gossip, liveness } from '@pea2pea/network';
import { protocols, withProtocols } from '@pea2pea/streams';
import { silentLogger, simulate } from '@pea2pea/testing';

const PORT = 4_000;
const DIALS = 5;
const LONG_ENOUGH_MS = 30_000;

const [kind, ...numbers] = process.argv.slice(2);
const measure = { simulated, tcp, memory }[kind];
console.log(`done ${JSON.stringify(await measure(...numbers.map(Number)))}`);
process.exit();

function nodeOf(config, options) {
  return new PeerNode({ codec: withProtocols(json()), ...config, logger: silentLogger })
    .use(protocols())
    .use(gossip(options))
    .use(liveness())
    .use({ onMessage() {} });
}

/** A tenth of the nodes loses its power each minute, and as many others come, at even intervals. A rumour every two seconds. */
async function simulated(count, minutes) {
  const world = simulate({ seed: 7, latencyMs: [10, 80], traceLines: 0 });
  const live = [];
  const rumours = new Map();
  let serial = 0;
  const cpu = process.cpuUsage();
  const pick = (list) => list[Math.floor(world.random.next() * list.length)];
  const nowMs = () => world.nowMs;

  const join = async () => {
    const index = serial++;
    const host = world.host(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
    const node = nodeOf(host.config);
    const topic = node.plugin(gossip).topic('rumours', { codec: json() });
    const one = { host, node, topic, sinceMs: nowMs(), heard: new Map(), untilMs: Infinity };
    topic.subscribe(({ number }) => one.heard.set(number, nowMs()));
    await node.listen({ host: host.address, port: PORT });
    // In place of an address book: peers that are there, at random.
    const top = async () => {
      const missing =
        DIALS - [...node.connections].filter(({ direction }) => direction === 'outbound').length;
      for (let dial = 0; dial < missing; dial++) {
        const other = pick(live);
        if (other !== undefined && other !== one)
          await node.connect(`${other.host.address}:${PORT}`).catch(() => {});
      }
      if (one.untilMs === Infinity) host.config.clock.setTimeout(() => void top(), 5_000);
    };
    await top();
    live.push(one);
    return one;
  };

  for (let at = 0; at < count; at += 50) {
    await world.drive(Promise.all(Array.from({ length: Math.min(50, count - at) }, join)));
  }
  await world.run('30 s');
  console.log('minute');
  const all = [...live];
  const everyMs = 60_000 / (count / 10);
  for (let ms = 0, number = 0; ms < minutes * 60_000; ms += everyMs) {
    const [gone] = live.splice(Math.floor(world.random.next() * live.length), 1);
    gone.untilMs = nowMs();
    world.crash(gone.host);
    world.spawn(async () => void all.push(await join()));
    if (ms >= 2_000 * number) {
      const teller = pick(live);
      teller.topic.publish({ number, text: 'a rumour of some length' });
      rumours.set(number, { atMs: nowMs(), teller });
      number++;
    }
    await world.run(`${everyMs} ms`);
    if (Math.floor((ms + everyMs) / 60_000) > Math.floor(ms / 60_000)) console.log('minute');
  }
  await world.run(`${LONG_ENOUGH_MS} ms`);

  let [reached, owed] = [0, 0];
  const delays = [];
  for (const [number, { atMs, teller }] of rumours) {
    for (const one of all) {
      const { sinceMs, untilMs, heard } = one;
      // Those that were there when it began, and for as long as it may take.
      if (one === teller || sinceMs > atMs || untilMs < atMs + LONG_ENOUGH_MS) continue;
      owed++;
      if (!heard.has(number)) continue;
      reached++;
      delays.push(heard.get(number) - atMs);
    }
  }
  delays.sort((one, other) => one - other);
  const percentile = (part) => delays[Math.floor(part * (delays.length - 1))];
  const { user, system } = process.cpuUsage(cpu);
  return {
    rumours: rumours.size,
    owed,
    reached,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
    lastMs: delays.at(-1),
    cpuSeconds: (user + system) / 1e6,
    counts: live[0].node.plugin(gossip).counts,
  };
}

/** Nodes of one process over TCP. What all send, by what all have to receive once. */
async function tcp(count, messages) {
  const size = 1_024;
  const nodes = [];
  let heard = 0;
  for (let index = 0; index < count; index++) {
    const node = nodeOf({
      maxConnectionsPerIp: 1_000,
      maxConnectingPerIp: 1_000,
      maxConnections: 1_000,
      maxHandshakesPerSecondPerIp: 1_000_000,
    });
    const topic = node.plugin(gossip).topic('bytes', { codec: lengthDelimited() });
    topic.subscribe(() => void heard++);
    const address = await node.listen({ host: '127.0.0.1', port: 0 });
    const others = [...nodes];
    for (let dial = 0; dial < 4 && others.length > 0; dial++) {
      const [other] = others.splice(Math.floor(Math.random() * others.length), 1);
      await node.connect(other.address);
    }
    nodes.push({ node, topic, address });
  }
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const payload = Buffer.alloc(size, 'x');
  const publish = async (number) => {
    for (let index = 0; index < number; index++) {
      payload.writeUInt32BE(Math.floor(Math.random() * 2 ** 32));
      nodes[index % count].topic.publish(Buffer.from(payload));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await publish(100); // meshes learn who is fast
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const sentBy = () => nodes.reduce((sum, { node }) => sum + node.stats.bytesSent, 0);
  const [before, heardBefore, begun] = [sentBy(), heard, performance.now()];
  await publish(messages);
  const due = messages * (count - 1);
  while (heard - heardBefore < due && performance.now() - begun < 60_000) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const sent = sentBy() - before;
  return { due, heard: heard - heardBefore, ratio: sent / (due * size) };
}

/** What a node takes with gossip and 20 topics and 50 connections beyond one with the same connections and no gossip. */
async function memory() {
  const heap = () => {
    globalThis.gc();
    globalThis.gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const build = async (withGossip) => {
    const world = simulate({ seed: 1, traceLines: 0 });
    const make = (address) => {
      const host = world.host(address);
      const node = new PeerNode({ codec: withProtocols(json()), ...host.config, logger: silentLogger }).use(
        protocols(),
      );
      if (withGossip) node.use(gossip());
      return { host, node: node.use({ onMessage() {} }) };
    };
    const nodes = Array.from({ length: 51 }, (_, index) => make(`10.0.0.${index + 1}`));
    for (const { node, host } of nodes) await world.drive(node.listen({ host: host.address, port: PORT }));
    if (withGossip) {
      for (const { node } of nodes) {
        for (let topic = 0; topic < 20; topic++)
          node
            .plugin(gossip)
            .topic(`t${topic}`, { codec: json() })
            .subscribe(() => {});
      }
    }
    await world.run('1 s');
    const idle = heap();
    for (const { host } of nodes.slice(1))
      await world.drive(nodes[0].node.connect(`${host.address}:${PORT}`));
    await world.run('20 s');
    return { idle, connected: heap(), nodes };
  };
  const start = heap();
  const bare = await build(false);
  const gossiping = await build(true);
  const perNode = (gossiping.idle - bare.connected - (bare.idle - start)) / bare.nodes.length;
  // Both ends of each of the fifty connections are in it.
  const perFifty = gossiping.connected - gossiping.idle - (bare.connected - bare.idle);
  return { bytes: perNode + perFifty, perNode, perFifty, nodes: gossiping.nodes.length };
}
