// npm run test:node -- 26 [jest arguments]: builds and runs the tests under another version of Node, which npm fetches
// once. Processes that tests start run under it, too.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binOf, fetchNode } from './node-versions.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [version = '', ...jestArguments] = process.argv.slice(2);
if (!/^\d+(\.\d+){0,2}$/.test(version)) {
  console.error(version === '' ? 'Which version of Node?' : `${version} is no version of Node.`);
  console.error(
    'npm run test:node -- <version> [jest arguments], where <version> is one such as 26 or 26.1.0',
  );
  process.exit(2);
}

const bin = binOf(version);
if (!existsSync(bin)) {
  console.log(`fetching Node ${version}`);
  const problem = fetchNode(version);
  if (problem !== undefined) {
    console.error(problem);
    process.exit(1);
  }
}

const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
// Asked the way npm finds it, so that it is the one that runs the tests.
const { stdout } = spawnSync('node', ['--version'], { env, encoding: 'utf8' });
console.log(`Node ${stdout.trim()}`);
const { status } = spawnSync('npm', ['test', '--', ...jestArguments], { cwd: root, env, stdio: 'inherit' });
process.exit(status ?? 1);
