// npm run example <name> [-- arguments]: builds what changed, then runs examples/<name>.ts in this process,
// so that standard input and Ctrl-C are the example's own.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);
const path = (relative) => fileURLToPath(new URL(relative, root));

const [name, ...args] = process.argv.slice(2);
const names = readdirSync(path('examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));
if (!names.includes(name)) {
  console.error(name === undefined ? 'Which example?' : `There is no example called ${name}.`);
  console.error(`npm run example <name>, where <name> is one of: ${names.join(', ')}`);
  process.exit(2);
}

const built = spawnSync(process.execPath, [path('node_modules/typescript/bin/tsc'), '-b'], {
  cwd: path('.'),
  stdio: 'inherit',
});
if (built.status !== 0) process.exit(built.status ?? 1);
const script = path(`examples/dist/${name}.js`);
if (!existsSync(script)) throw new Error(`${script} was not built`);
process.argv = [process.execPath, script, ...args];
await import(new URL(`examples/dist/${name}.js`, root));
