// A simulated world: node --expose-gc simulated.mjs busy|idle <nodes> <minutes of virtual time>
// says   minute <number>   for each, and   done {"cpuMs","ms","steps","resident","heard","connections"}
import { lengthDelimited } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';
import { silentLogger, simulate } from '@pea2pea/testing';

const PORT = 4_000;
const MESSAGE = Buffer.from('a message of some length');
/** Of a hundred links, each minute. */
const FAILING = 1;
const FAILURE_MS = 30_000;

const [kind, nodes, minutes] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const world = simulate({ seed: 7, traceLines: 0 });
const peers = Array.from({ length: nodes }, (_, index) => {
  const host = world.host(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  const node = new PeerNode({ codec: lengthDelimited(), ...host.config, logger: silentLogger });
  const connections = [];
  node.use({
    onConnect: (connection) => void connections.push(connection),
    onMessage() {},
    onDisconnect: (connection) => void connections.splice(connections.indexOf(connection), 1),
  });
  return { host, node, connections };
});
await world.drive(Promise.all(peers.map(({ node }) => node.listen({ host: '0.0.0.0', port: PORT }))));
if (kind === 'busy') await begin();
const [before, begun, cpu] = [world.steps, performance.now(), process.cpuUsage()];
for (let minute = 1; minute <= minutes; minute++) {
  if (kind === 'busy') fail((peers.length * 2 * FAILING) / 100);
  await world.run('1 min');
  console.log(`minute ${minute}`);
}
const { user, system } = process.cpuUsage(cpu);
const ms = performance.now() - begun;
globalThis.gc();
const heard = peers.reduce((sum, { node }) => sum + node.stats.messagesReceived, 0);
const connections = peers.reduce((sum, { node }) => sum + node.connections.size, 0);
const { rss: resident } = process.memoryUsage();
const steps = world.steps - before;
console.log(
  `done ${JSON.stringify({ cpuMs: (user + system) / 1_000, ms, steps, resident, heard, connections })}`,
);
process.exit();

/** Two links to others each, and so two from others; and a message a second, to one of the four. */
async function begin() {
  await world.drive(Promise.all(peers.flatMap((_, index) => [dial(index, 1), dial(index, 7)])));
  for (const { host, connections } of peers) {
    const { clock, random } = host.config;
    const tick = () => {
      clock.setTimeout(tick, 1_000);
      connections[Math.floor(random.next() * connections.length)]?.trySend(MESSAGE);
    };
    clock.setTimeout(tick, world.random.next() * 1_000);
  }
}

function dial(index, step) {
  return peers[index].node.connect(`${peers[(index + step) % nodes].host.address}:${PORT}`).catch(() => {});
}

/** Links that fail in the next minute, and are dialled again. */
function fail(count) {
  for (let number = 0; number < count; number++) {
    world.spawn(async () => {
      await world.sleep(world.random.next() * 60_000);
      const index = Math.floor(world.random.next() * nodes);
      const [a, b] = [peers[index], peers[(index + 1) % nodes]];
      world.cut(a.host, b.host, 'silently');
      await world.sleep(FAILURE_MS);
      world.heal(a.host, b.host);
      const old = [...a.node.connections].filter(({ address }) => address.host === b.host.address);
      await Promise.all(old.map((connection) => connection.disconnect()));
      await dial(index, 1);
    });
  }
}
