// A full mesh in one process: node --expose-gc mesh.mjs <nodes> says   meshed <nodes> <ns> <heap> <resident>
// Fewer nodes where the process may not open so many files: each connection has two ends here.
import { lengthDelimited } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';
import { connectNodes } from '@pea2pea/core/topology';

/** Files that are open whatever we do. */
const OTHER_FILES = 50;

const limit = process.report.getReport().userLimits.open_files.soft;
// n listeners and n (n - 1) ends are n x n files.
const affordable = limit === 'unlimited' ? Infinity : Math.floor(Math.sqrt(limit - OTHER_FILES));
const count = Math.min(Number(process.argv[2]), affordable);

const before = memory();
const begin = process.hrtime.bigint();
const limits = { maxConnections: count, maxInbound: count, maxConnectionsPerIp: count };
const nodes = Array.from({ length: count }, () => new PeerNode({ codec: lengthDelimited(), ...limits }));
await connectNodes(nodes, 'mesh');
const ns = process.hrtime.bigint() - begin;
const after = memory();
console.log(`meshed ${count} ${ns} ${after.heap - before.heap} ${after.resident - before.resident}`);
process.exit();

function memory() {
  globalThis.gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}
