// Fails where a ratio falls below its target by more than the noise of its own rounds. Short, for every change.
import { run as broadcast } from './broadcast.mjs';
import { run as connections } from './connections.mjs';
import { alignedText } from './harness/results.mjs';
import { run as overhead } from './overhead.mjs';
import { verdictRows, verdicts } from './targets.mjs';

export const seconds = 110;

/** Each with its share of the time. */
const SUITES = [
  [overhead, 0.6],
  [broadcast, 0.1],
  [connections, 0.3],
];

export async function run({ seconds, emit, note }) {
  const records = [];
  for (const [suite, share] of SUITES) {
    await suite({ seconds: seconds * share, emit: (results) => records.push(...results), note });
  }
  const judged = verdicts(records);
  emit(judged, {
    text: alignedText([['', 'measured', 'target', 'noise', 'verdict'], ...verdictRows(judged)]),
  });
  const missed = judged.filter(({ verdict }) => verdict === 'missed');
  if (missed.length === 0) return;
  note(`missed: ${missed.map(({ what }) => what).join('; ')}`);
  process.exitCode = 1;
}
