// A simulated network: a thousand nodes that talk and lose links, and ten thousand that are idle, in one process each; chaos in
// two processes; and the same seeds under every supported version of Node.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LineProcess } from './harness/processes.mjs';
import { programOf, SUPPORTED } from '../scripts/node-versions.mjs';
import { traceUnder } from '../scripts/same-trace.mjs';
import { result, skipped } from './harness/results.mjs';

const NODES = 1_000;
const IDLE_NODES = 10_000;
const CHAOS = { nodes: 32, seconds: 60, cores: 2 };

/** Of which the busy world is one hour of virtual time. */
export const seconds = 60;

export async function run({ seconds, emit }) {
  const minutes = seconds; // a minute of virtual time takes about a second
  const busy = await ask('busy', NODES, minutes);
  const record = (contestant, metric, unit, value, more) =>
    result({ suite: 'simulation', contestant, metric, unit, rounds: [value], ...more });
  const name = `${NODES} nodes, 4 connections each`;
  emit(
    [
      record(name, 'one virtual hour', 's of processor time', ((busy.cpuMs / minutes) * 60) / 1_000),
      record(name, 'one virtual hour, elapsed', 's', ((busy.ms / minutes) * 60) / 1_000),
      record(name, 'events', 'events/s', (busy.steps / busy.cpuMs) * 1_000),
      record(name, 'resident, busy', 'B resident', busy.resident),
    ],
    {
      title: `${NODES} nodes, a message a second each, 1 % of links fail a minute, ${minutes} virtual minutes`,
    },
  );
  const idle = await ask('idle', IDLE_NODES, 1);
  emit([record(`${IDLE_NODES} idle nodes`, 'resident, idle', 'B resident', idle.resident)], {
    title: `${IDLE_NODES} idle nodes`,
  });
  const seeds = 2 * seconds; // about one a second
  emit([record(chaosName(), 'seeds a minute', 'seeds/min', chaos(seeds))], {
    title: `npm run chaos -- --seeds ${seeds}`,
  });
  emit(SUPPORTED.map(sameTrace), {
    title: 'The same seeds under other versions of Node: 1 where the trace is the same',
  });
}

/** As `targets.mjs` has it. */
function chaosName() {
  return `chaos: ${CHAOS.nodes} nodes, ${CHAOS.seconds} virtual seconds, ${CHAOS.cores} cores`;
}

/** Seeds a minute, without the time that compiling takes. 32 is what chaos itself allows. */
function chaos(seeds) {
  const script = fileURLToPath(new URL('../scripts/chaos.mjs', import.meta.url));
  const { seconds, cores } = CHAOS;
  const options = ['--seeds', seeds, '--seconds', seconds, '--processes', cores].map(String);
  const { stdout, status } = spawnSync(process.execPath, [script, ...options], { encoding: 'utf8' });
  const [, perMinute] = / (\d+) seeds a minute; no violation$/m.exec(stdout) ?? [];
  if (perMinute === undefined) throw new Error(`chaos ended with ${status}: ${stdout.slice(-2_000)}`);
  return Number(perMinute);
}

function sameTrace(version) {
  const about = { suite: 'simulation', contestant: `Node ${version}` };
  const program = programOf(version);
  if (program === undefined) {
    return skipped({ ...about, why: `it is not here; npm run test:node -- ${version} fetches it` });
  }
  const isSame = traceUnder(program) === traceUnder(process.execPath);
  return result({ ...about, metric: 'same trace', unit: '', rounds: [isSame ? 1 : 0] });
}

/** A world in a process of its own, as memory is measured. */
async function ask(...args) {
  const program = fileURLToPath(new URL('contestants/simulated.mjs', import.meta.url));
  // The collector of short-lived objects gets more room: with hundreds of connections at once they live longer than usual.
  const child = new LineProcess('the world', [
    process.execPath,
    '--expose-gc',
    '--max-semi-space-size=32',
    program,
    ...args.map(String),
  ]);
  for (let minute = 1; minute <= args[2]; minute++) await child.hear('minute');
  const [line] = await child.hear('done');
  await child.close();
  return JSON.parse(line);
}
