// What an idle node and an idle connection weigh, at either end, above a bare server and socket; a connection under load;
// and a full mesh. Differences: after some to warm up, many more are made, as the heap and V8's caches grow in steps.
import { fileURLToPath } from 'node:url';
import { ENDS, withEnds } from './harness/many-ends.mjs';
import { LineProcess } from './harness/processes.mjs';
import { result } from './harness/results.mjs';
import { inbound, MANY, memoryOf, perOne, WARM_UP } from './harness/weighing.mjs';

/** Of a message under load. */
const SIZE = 256;
const MESH = 200;

export const seconds = 90;
/** A round takes about so long. */
const ROUND_SECONDS = 30;

export async function run({ seconds, emit, note }) {
  const rounds = Math.max(1, Math.round(seconds / ROUND_SECONDS));
  for (const { what, weigh } of WEIGHED) {
    const weights = ENDS.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, contestant] of ENDS.entries()) {
        weights[index].push(await withEnds(contestant, weigh));
      }
    }
    emit(
      ['heap', 'resident'].flatMap((kind) => comparison(what, kind, weights)),
      { title: what },
    );
  }
  await mesh(emit, note);
}

/** What is weighed: `weigh` answers `{ heap, resident }`, the bytes of one. */
const WEIGHED = [
  {
    what: 'idle node',
    async weigh(ends) {
      await ends.ask(`start ${WARM_UP}`, 'started');
      const before = await memoryOf(ends);
      await ends.ask(`start ${MANY}`, 'started');
      return perOne(before, await memoryOf(ends));
    },
  },
  {
    what: 'idle connection, inbound',
    async weigh(ends, crowd) {
      const { before, after } = await inbound(ends, crowd);
      return perOne(before, after);
    },
  },
  {
    what: 'idle connection, outbound',
    async weigh(ends, crowd) {
      const ports = await crowd.ask(`listen ${WARM_UP + MANY}`, 'listening');
      await ends.ask(`dial ${ports.slice(0, WARM_UP).join(' ')}`, 'dialled');
      const before = await memoryOf(ends);
      await ends.ask(`dial ${ports.slice(WARM_UP).join(' ')}`, 'dialled');
      return perOne(before, await memoryOf(ends));
    },
  },
  {
    what: 'connection under load',
    async weigh(ends, crowd) {
      const { before } = await inbound(ends, crowd);
      await crowd.ask(`talk ${SIZE}`, 'talking');
      const during = await memoryOf(ends);
      await crowd.ask('hush', 'hushed');
      return perOne(before, during);
    },
  },
];

/** What each weighs, and what ours weighs above the other. */
function comparison(what, kind, [bare, ours]) {
  const record = (contestant, values) =>
    result({ suite: 'memory', contestant, metric: `${what}, ${kind}`, unit: `B ${kind}`, rounds: values });
  const above = ours.map((weight, round) => weight[kind] - bare[round][kind]);
  return [
    ...[bare, ours].map((weights, index) =>
      record(
        ENDS[index].name,
        weights.map((weight) => weight[kind]),
      ),
    ),
    record('pea2pea above bare', above),
  ];
}

async function mesh(emit, note) {
  const program = fileURLToPath(new URL('contestants/mesh.mjs', import.meta.url));
  const child = new LineProcess('the mesh', [process.execPath, '--expose-gc', program, MESH]);
  const [nodes, ns, heap, resident] = (await child.hear('meshed')).map(Number);
  await child.close();
  if (nodes < MESH) note(`a mesh of ${nodes} nodes, not ${MESH}: more files may not be open at once`);
  const ends = nodes * (nodes - 1);
  const record = (metric, unit, value) =>
    result({ suite: 'memory', contestant: `mesh of ${nodes} nodes`, metric, unit, rounds: [value] });
  emit(
    [
      record('mesh, time to connect', 's', ns / 1e9),
      record('mesh, heap', 'B heap', heap),
      record('mesh, resident', 'B resident', resident),
      record('mesh, heap of one end', 'B heap an end', heap / ends),
      record('mesh, resident of one end', 'B resident an end', resident / ends),
    ],
    { title: `full mesh, ${ends / 2} connections, both ends in one process` },
  );
}
