// Other versions of Node, which npm fetches once: the package `node` is the program itself.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Those that the packages are for. */
export const SUPPORTED = ['20', '22', '24', '26'];

/** Where the programs of a version are; of `npm ci` nothing there survives: what 26 means is looked up again then. */
export function binOf(version) {
  return join(folderOf(version), 'node_modules', 'node', 'bin');
}

/** The program of a version, or undefined where it is not on this machine: `npm run test:node -- <version>` fetches it. */
export function programOf(version) {
  if (process.versions.node.split('.')[0] === version) return process.execPath;
  const program = join(binOf(version), 'node');
  return existsSync(program) ? program : undefined;
}

/** Fetches a version. Returns why that was not possible; undefined where it was. */
export function fetchNode(version) {
  const folder = folderOf(version);
  mkdirSync(folder, { recursive: true });
  const install = ['install', '--no-save', '--no-package-lock', '--prefix', folder, `node@${version}`];
  const { status, stderr } = spawnSync('npm', install, { cwd: folder, encoding: 'utf8' });
  if (status === 0 && existsSync(binOf(version))) return undefined;
  rmSync(folder, { recursive: true, force: true });
  return stderr.includes('ETARGET')
    ? `npm has no Node ${version}.`
    : `npm could not fetch Node ${version}:\n${stderr}`;
}

function folderOf(version) {
  return join(root, 'node_modules', '.cache', `node-${version}`);
}
