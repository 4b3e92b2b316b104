// npm run same-trace: whether the same seeds have the same traces under every supported version of Node that is on this machine.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { programOf, SUPPORTED } from './node-versions.mjs';

const SEEDS = ['1', '7', '8'];
const scenario = fileURLToPath(
  new URL('../packages/testing/test/programs/print-rumour.mjs', import.meta.url),
);

/** What the seeds lead to under `program`, as one string. */
export function traceUnder(program) {
  return SEEDS.map((seed) => execFileSync(program, [scenario, seed], { encoding: 'utf8' }).trim()).join(', ');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) compare();

function compare() {
  const expected = traceUnder(process.execPath);
  for (const version of SUPPORTED) {
    const program = programOf(version);
    if (program === undefined) {
      console.log(`Node ${version}  skipped: it is not here; npm run test:node -- ${version} fetches it`);
      continue;
    }
    const trace = traceUnder(program);
    if (trace !== expected) process.exitCode = 1;
    console.log(
      `Node ${version}  ${trace}${trace === expected ? '' : `  is not that of ${process.version}: ${expected}`}`,
    );
  }
}
