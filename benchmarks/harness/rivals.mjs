// Other libraries as contestants. Their packages are no part of the main install: `npm ci` fetches them on first use.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeContestant } from './traffic.mjs';

const folder = fileURLToPath(new URL('../rivals/', import.meta.url));
const wanted = `${folder}package-lock.json`;
const installed = `${folder}node_modules/.package-lock.json`;
/** js-libp2p 3 needs a newer Node than we do; the package `node` is one. */
const newerNode = `${folder}node_modules/node/bin/node`;

const INSTALL_TIMEOUT_MS = 5 * 60_000;

const RIVALS = [
  { name: 'ws', module: 'rivals/ws.mjs' },
  { name: 'NestJS TCP', module: 'rivals/nest.mjs' },
  { name: 'js-libp2p, plaintext', module: 'rivals/libp2p-plaintext.mjs', program: newerNode },
  { name: 'js-libp2p, noise', module: 'rivals/libp2p-noise.mjs', program: newerNode },
];

/** Answers the contestants, each `{ name, skipped }` where it cannot take part; `note` is told when npm has to fetch. */
export function rivals(note) {
  const why = isInstalled() ? undefined : install(note);
  return RIVALS.map(({ name, module, program }) => {
    if (why !== undefined) return { name, skipped: why };
    if (program !== undefined && !existsSync(program)) {
      return { name, skipped: 'npm did not run the script of the package `node` that fetches a newer Node' };
    }
    return nodeContestant(name, module, { program });
  });
}

function isInstalled() {
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs;
}

/** Answers why npm cannot fetch them, or nothing. */
function install(note) {
  note('fetching the packages of the rivals, once: npm ci --prefix benchmarks/rivals');
  const { status, stderr, error } = spawnSync('npm', ['ci', '--prefix', folder], {
    cwd: folder,
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (status === 0) return undefined;
  const reason = error?.message ?? stderr.split('\n').find((line) => line.startsWith('npm error'));
  return `npm could not fetch it: ${reason}`;
}
