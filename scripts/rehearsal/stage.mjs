// The stage of scripts/rehearse-publishing.mjs: a temporary folder, commands that cannot run on for ever, and an end that
// leaves nothing of either.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const COMMAND_MS = 180_000;
const execute = promisify(execFile);

export const folder = mkdtempSync(join(tmpdir(), 'pea2pea-publishing-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

export function makeFolder(...names) {
  const path = join(folder, ...names);
  mkdirSync(path, { recursive: true });
  return path;
}

// Settings of the npm that runs this script would hold for each npm in the temporary folder, too. Caches are for this
// rehearsal alone: another one has published other packages under the same names.
const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
const env = {
  ...Object.fromEntries(inherited),
  npm_config_cache: join(folder, 'cache', 'npm'),
  npm_config_update_notifier: 'false',
  XDG_CACHE_HOME: join(folder, 'cache'),
  XDG_DATA_HOME: join(folder, 'data'),
  YARN_CACHE_FOLDER: join(folder, 'cache', 'yarn'),
  YARN_GLOBAL_FOLDER: join(folder, 'cache', 'berry'),
};

/** What the command prints; rejects with all of its output if it fails. */
export async function run(cwd, [program, ...parameters], settings = {}) {
  const options = { cwd, env: { ...env, ...settings }, timeout: COMMAND_MS, maxBuffer: 64 * 1024 * 1024 };
  try {
    const { stdout } = await execute(program, parameters, options);
    return stdout;
  } catch (error) {
    const said = `${error.stdout ?? ''}${error.stderr ?? ''}`;
    throw new Error(`in ${cwd}: ${[program, ...parameters].join(' ')}\n${said || error.message}`);
  }
}

/** Starts a program that ends with this one, and returns the first thing that it prints. */
export async function start([program, ...parameters]) {
  const child = spawn(program, parameters, { cwd: folder, env, stdio: ['pipe', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill());
  const ended = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`${program} ended with ${code}`)),
  );
  ended.catch(() => {}); // it ends when this script does
  const [printed] = await Promise.race([once(child.stdout, 'data'), ended]);
  return String(printed).trim();
}
