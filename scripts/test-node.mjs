// npm run test:node -- 26 [jest arguments]: builds and runs the tests under another version of Node, which npm fetches
// once. Processes that tests start run under it, too.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [version = '', ...jestArguments] = process.argv.slice(2);
if (!/^\d+(\.\d+){0,2}$/.test(version)) {
  console.error(version === '' ? 'Which version of Node?' : `${version} is no version of Node.`);
  console.error(
    'npm run test:node -- <version> [jest arguments], where <version> is one such as 26 or 26.1.0',
  );
  process.exit(2);
}

// Of `npm ci` nothing of it survives: what 26 means is looked up again then.
const folder = join(root, 'node_modules', '.cache', `node-${version}`);
const bin = join(folder, 'node_modules', 'node', 'bin');
if (!existsSync(bin)) fetchNode();

const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
// Asked the way npm finds it, so that it is the one that runs the tests.
const { stdout } = spawnSync('node', ['--version'], { env, encoding: 'utf8' });
console.log(`Node ${stdout.trim()}`);
const { status } = spawnSync('npm', ['test', '--', ...jestArguments], { cwd: root, env, stdio: 'inherit' });
process.exit(status ?? 1);

function fetchNode() {
  console.log(`fetching Node ${version}`);
  mkdirSync(folder, { recursive: true });
  // The package `node` is the program itself.
  const install = ['install', '--no-save', '--no-package-lock', '--prefix', folder, `node@${version}`];
  const { status, stderr } = spawnSync('npm', install, { cwd: folder, encoding: 'utf8' });
  if (status === 0 && existsSync(bin)) return;
  rmSync(folder, { recursive: true, force: true });
  const missing = stderr.includes('ETARGET');
  console.error(missing ? `npm has no Node ${version}.` : `npm could not fetch Node ${version}:\n${stderr}`);
  process.exit(1);
}
