// What it costs to be seen: messages a second and memory of a connection, observed and not. Whoever looks is a process of its own
// and needs processor time, too, on the same machine.
import { fileURLToPath } from 'node:url';
import { contest } from './harness/contest.mjs';
import { withEnds } from './harness/many-ends.mjs';
import { result } from './harness/results.mjs';
import { nodeContestant } from './harness/traffic.mjs';
import { inbound, perOne } from './harness/weighing.mjs';

const SIZE = 256;

const OFF = 'not observed';
const ALL = 'metrics, health, inspector';
const CONTESTANTS = [
  nodeContestant(OFF, 'contestants/pea2pea.mjs'),
  ...[
    ['metrics and health, asked each second', 'scraped'],
    ['inspector, its page open', 'inspected'],
    [ALL, 'watched'],
    ['all that passes recorded', 'recorded'],
  ].map(([name, module]) => ({ ...nodeContestant(name, `contestants/pea2pea-${module}.mjs`), against: OFF })),
];

const ENDS = [
  ['pea2pea-ends', OFF],
  ['watched-ends', ALL],
].map(([module, name]) => ({
  name,
  module: fileURLToPath(new URL(`contestants/${module}.mjs`, import.meta.url)),
}));

// A turn has to be longer than the second between two looks.
export const seconds = 240;
const SHARE_OF_TRAFFIC = 0.75;
/** The inspector keeps a thousand log lines, whatever happens: they are there before anything is weighed. */
const WARM_UP = 1_200;
/** A round of weighing takes about so long. */
const ROUND_SECONDS = 15;

export async function run({ seconds, emit }) {
  emit(await contest('observe', CONTESTANTS, { size: SIZE, seconds: seconds * SHARE_OF_TRAFFIC }), {
    title: `messages of ${SIZE} bytes between two processes, both observed`,
  });

  const rounds = Math.max(1, Math.round((seconds * (1 - SHARE_OF_TRAFFIC)) / ROUND_SECONDS));
  const weights = ENDS.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, contestant] of ENDS.entries()) {
      const { before, after } = await withEnds(contestant, (ends, crowd) => inbound(ends, crowd, WARM_UP));
      weights[index].push(perOne(before, after).heap);
    }
  }
  const record = (contestant, values) =>
    result({
      suite: 'observe',
      contestant,
      metric: 'idle connection, heap',
      unit: 'B heap',
      rounds: values,
    });
  const above = weights[1].map((weight, round) => weight - weights[0][round]);
  emit(
    [...ENDS.map(({ name }, index) => record(name, weights[index])), record('observed above not', above)],
    {
      title: 'memory of an idle connection',
    },
  );
}
