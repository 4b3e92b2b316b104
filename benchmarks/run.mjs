// Runs one suite: node benchmarks/run.mjs <suite> [--seconds N] [--json]
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

// A suite is a file beside this one that exports `run`; these are parts of them.
const PARTS = ['run', 'interleaved'];
const suites = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length))
  .filter((name) => !PARTS.includes(name));

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string', default: '30' }, json: { type: 'boolean', default: false } },
  });
  const [suite, ...rest] = positionals;
  const seconds = Number(values.seconds);
  if (suite === undefined || rest.length > 0) throw new Error('name one suite');
  if (!suites.includes(suite)) throw new Error(`there is no suite ${JSON.stringify(suite)}`);
  if (!(seconds > 0)) throw new Error('--seconds takes a number above 0');
  const { run } = await import(`./${suite}.mjs`).catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(`${error.message}: run \`npm run build\` first`);
  });
  const { text, data } = await run({ seconds });
  console.log(values.json ? JSON.stringify(data, null, 2) : text);
} catch (error) {
  console.error(`${error.message}\nusage: node benchmarks/run.mjs <suite> [--seconds N] [--json]`);
  console.error(`suites: ${suites.join(', ')}`);
  process.exitCode = 1;
}
