// npm run example <name> [-- arguments]: builds what changed, then runs examples/<name>.ts or
// examples/<name>/main.ts in this process, so that standard input and Ctrl-C are the example's own.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);
const path = (relative) => fileURLToPath(new URL(relative, root));

const [name, ...args] = process.argv.slice(2);
/** Where the program of that name is below examples/, without its extension. */
const programOf = (name) =>
  [name, `${name}/main`].find((program) => existsSync(path(`examples/${program}.ts`)));
const names = ['', 'protocols/']
  .flatMap((folder) => readdirSync(path(`examples/${folder}`)).map((entry) => `${folder}${entry}`))
  .map((entry) => entry.replace(/\.ts$/, ''))
  .filter((name) => programOf(name) !== undefined);
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
const script = `examples/dist/${programOf(name)}.js`;
if (!existsSync(path(script))) throw new Error(`${script} was not built`);
process.argv = [process.execPath, path(script), ...args];
await import(new URL(script, root));
