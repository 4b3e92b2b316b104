// Gossip: a rumour among a thousand simulated nodes that come and go, what fifty nodes send over TCP, what topics weigh.
import { fileURLToPath } from 'node:url';
import { LineProcess } from './harness/processes.mjs';
import { result } from './harness/results.mjs';

const NODES = 1_000;
const TCP_NODES = 50;
const TCP_MESSAGES = 200;

/** A virtual minute of a thousand nodes takes about half a minute of processor time. */
export const seconds = 300;

export async function run({ seconds, emit }) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  const record = (contestant, metric, unit, value) =>
    result({ suite: 'gossip', contestant, metric, unit, rounds: [value] });

  const simulated = await ask('simulated', NODES, minutes);
  const crowd = `${NODES} nodes, a tenth replaced a minute`;
  const title = `A rumour every two seconds, ${minutes} virtual minutes, latency of 10 to 80 ms`;
  const reached = (100 * simulated.reached) / simulated.owed;
  emit([record(crowd, 'reached', '% of the nodes that live', reached)], { title });
  emit(
    [
      record(crowd, 'p50', 'ms', simulated.p50Ms),
      record(crowd, 'p99', 'ms', simulated.p99Ms),
      record(crowd, 'last', 'ms', simulated.lastMs),
    ],
    { title: 'Until a node has heard it, in virtual time: p50, p99, the last' },
  );

  const tcp = await ask('tcp', TCP_NODES, TCP_MESSAGES);
  const lost = tcp.due - tcp.heard;
  emit([record(`${TCP_NODES} nodes in one process`, 'sent', 'of what has to be received', tcp.ratio)], {
    title: `Bytes sent over TCP, messages of 1 KiB, by those that each has to receive once; ${lost} were not received`,
  });

  const memory = await ask('memory');
  emit([record('20 topics, 50 connections', 'heap', 'B', memory.bytes)], {
    title: 'What gossip adds to the heap, with both ends of the connections',
  });
}

/** In a process of its own. */
async function ask(...args) {
  const program = fileURLToPath(new URL('contestants/gossip.mjs', import.meta.url));
  const command = [process.execPath, '--expose-gc', '--max-semi-space-size=32', program, ...args.map(String)];
  const child = new LineProcess('gossip', command);
  const [kind, , minutes] = args;
  if (kind === 'simulated') for (let minute = 0; minute <= minutes; minute++) await child.hear('minute');
  const [line] = await child.hear('done');
  await child.close();
  return JSON.parse(line);
}
