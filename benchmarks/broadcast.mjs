// One JSON message to many connections of a node: encoded once by `broadcast`, or by every connection in a loop.
import { fileURLToPath } from 'node:url';
import { interleavedAsync, ROUNDS, sliceNsOf } from './harness/interleaved.mjs';
import { startCrowd } from './harness/many-ends.mjs';
import { LineProcess } from './harness/processes.mjs';
import { result } from './harness/results.mjs';

const SIZE = 4096;
const CONNECTIONS = 1_000;
/** Messages until the crowd is asked whether it has them all. */
const BURST = 10;

const LOOP = 'trySend in a loop';
const CONTESTANTS = [
  { name: LOOP, way: 'loop' },
  { name: 'broadcast', way: 'broadcast', against: LOOP },
];

export async function run({ seconds, emit }) {
  const program = fileURLToPath(new URL('contestants/broadcaster.mjs', import.meta.url));
  const node = new LineProcess('the broadcaster', [process.execPath, program, SIZE, CONNECTIONS]);
  const crowd = startCrowd({ name: 'the broadcaster' });
  try {
    const [port, frame] = await node.hear('listening');
    await crowd.ask(`dial ${port} ${CONNECTIONS}`, 'dialled');
    await node.hear('connected');
    const times = await interleavedAsync(
      CONTESTANTS.map(({ way }) => ({ run: () => burst(node, crowd, way, Number(frame)) })),
      { sliceNs: sliceNsOf(seconds, CONTESTANTS), rounds: ROUNDS },
    );
    emit(compared(times.map((rounds) => rounds.map((ns) => 1e9 / ns))), {
      title: `one message to ${CONNECTIONS} connections, until all have it`,
    });
  } finally {
    await Promise.all([node.close(), crowd.close()]);
  }
}

async function burst(node, crowd, way, frame) {
  const operations = BURST * CONNECTIONS;
  await crowd.ask(`expect ${operations * frame}`, 'expecting');
  const begin = process.hrtime.bigint();
  node.tell(`${way} ${BURST}`);
  await crowd.hear('received');
  return { operations, ns: Number(process.hrtime.bigint() - begin) };
}

function compared(rates) {
  const roundsOf = (name) => rates[CONTESTANTS.findIndex((each) => each.name === name)];
  return CONTESTANTS.map(({ name, against }) =>
    result({
      suite: 'broadcast',
      contestant: name,
      size: SIZE,
      connections: CONNECTIONS,
      metric: 'messages',
      unit: 'messages/s',
      rounds: roundsOf(name),
      against: against && { contestant: against, rounds: roundsOf(against) },
    }),
  );
}
