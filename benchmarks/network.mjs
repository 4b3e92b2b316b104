// Networks of many nodes, simulated: how well they find each other while nodes come and go.
import { run as runKademlia } from './contestants/kademlia.mjs';
import { result } from './harness/results.mjs';

const NODES = 1_000;

/** A virtual minute takes up to a minute of processor time. */
export const seconds = 600;

export async function run({ seconds, emit, note }) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  const done = await runKademlia({ nodes: NODES, minutes, replacedAMinute: NODES / 10, note });
  const contestant = `kademlia, ${NODES} nodes, a tenth replaced a minute`;
  const record = (metric, unit, value) =>
    result({ suite: 'network', contestant, metric, unit, rounds: [value], minutes });
  const named = (what, value, unit) => [record(what, unit, value)];
  const percent = (part, all) => (100 * part) / all;
  const show = (title, results) => emit(results, { title });
  show(
    'Nodes that are found by their identity',
    named('nodes found', percent(done.peersFound, done.peers), '%'),
  );
  show('Values that are found', named('values found', percent(done.valuesFound, done.values), '%'));
  show('Hops of look-ups of nodes, p50', named('hops, nodes', done.p50Node, 'hops'));
  show('Hops of look-ups of values, p50', named('hops, values', done.p50Value, 'hops'));
  show(
    'Queries that failed, as those asked were gone',
    named('failed', percent(done.failures, done.queries), '%'),
  );
  show('Processor time', named('processor time', done.cpuSeconds, 's'));
}
