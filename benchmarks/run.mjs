// Runs one suite, or all of them: node benchmarks/run.mjs <suite> [--seconds N] [--json]
import { readdirSync } from 'node:fs';
import { availableParallelism, cpus, type } from 'node:os';
import { parseArgs } from 'node:util';
import { tableOf } from './harness/results.mjs';

// A suite is a file beside this one. It exports `run({ seconds, emit, note })`, and `seconds` where 30 are not enough:
//   emit(results, { title, text })  hands over what was found so far (`harness/results.mjs`); people see it below the
//                                   title, as that text or else as a table
//   note(text)                      tells what is no result
// `report` takes a file besides, as `file`.
const DEFAULT_SECONDS = 30;
const NO_SUITES = ['run.mjs', 'targets.mjs'];
const suites = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.mjs') && !NO_SUITES.includes(file))
  .map((file) => file.slice(0, -'.mjs'.length));
/** All but those that judge what others find. */
const ALL = suites.filter((suite) => suite !== 'gate' && suite !== 'report');
/** Figures are worth nothing without it. */
const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${type()} ${process.arch}`;

try {
  const { suite, file, json, seconds } = argumentsOf(process.argv.slice(2));
  if (suite === undefined) console.log(usage());
  else for (const each of suite === 'all' ? ALL : [suite]) await runSuite(each, { file, json, seconds });
} catch (error) {
  console.error(`${error.message}\n${usage()}`);
  process.exitCode = 1;
}

async function runSuite(suite, { file, json, seconds: asked }) {
  const { run, seconds = DEFAULT_SECONDS } = await import(`./${suite}.mjs`).catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(`${error.message}: run \`npm run build\` first`);
  });
  const note = (text) => console.error(text);
  if (!json) console.log(`${suite}: Node ${process.version}, median and spread of the rounds`);
  await run({ seconds: asked ?? seconds, emit: json ? emitLines : emitText, note, file });
}

function usage() {
  const names = ['all', ...suites].join(', ');
  return `usage: npm run bench -- <suite> [--seconds N] [--json]\nsuites: ${names}; report takes a file of results`;
}

function argumentsOf(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { seconds: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  const [suite, file, ...rest] = positionals;
  if (rest.length > 0 || (file !== undefined && suite !== 'report')) throw new Error('name one suite');
  if (suite !== undefined && suite !== 'all' && !suites.includes(suite))
    throw new Error(`there is no suite ${JSON.stringify(suite)}`);
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(seconds > 0)) throw new Error('--seconds takes a number above 0');
  return { suite, file, seconds, json: values.json };
}

/** One JSON object a line. */
function emitLines(results) {
  for (const each of results) console.log(JSON.stringify({ ...each, machine }));
}

function emitText(results, { title, text = tableOf(results) } = {}) {
  console.log(title === undefined ? `\n${text}` : `\n${title}\n${text}`);
}
