/**
 * A small internet of network namespaces without names: they go with the last process inside, whatever ends it.
 *
 * ```text
 *   this namespace: bridge "internet" 203.0.113.1
 *       |                     |
 *   203.0.113.2           203.0.113.3
 *   namespace of alice    namespace of bob
 * ```
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { runs } from './firewall.js';

export const RENDEZVOUS_HOST = '203.0.113.1'; // RFC 5737: for documentation
const BRIDGE = 'internet';
/** What an end of a cable is called inside. */
const INSIDE = 'uplink';

/** How `unshare` makes a network namespace here, or why it cannot. */
export function namespaceFlags(): { readonly flags: readonly string[] } | { readonly why: string } {
  if (process.platform !== 'linux') return { why: `${process.platform} has no network namespaces` };
  // As root without a namespace of users, as there is only root in that.
  const kinds = [...(process.getuid!() === 0 ? [['--net']] : []), ['--user', '--map-root-user', '--net']];
  const flags = kinds.find((kind) => runs('unshare', [...kind, 'sh', '-c', `${BRIDGE_UP} && ${CABLE}`]));
  return flags === undefined ? { why: 'this system lets us make no network namespaces' } : { flags };
}

const BRIDGE_UP = `ip link set lo up && ip link add ${BRIDGE} type bridge`;
const CABLE = 'ip link add probe type veth';

/** Runs this program again, inside a namespace of its own; resolves with its exit code. */
export function runInside(flags: readonly string[], program: string): Promise<number> {
  const inside = spawn('unshare', [...flags, process.execPath, program, '--inside'], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  // Who is inside cleans up, and has the last word on how it ended.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void inside.kill(signal));
  return new Promise((resolve) => inside.on('exit', (code) => resolve(code ?? 1)));
}

/** Makes the namespace of this process the internet. */
export function becomeInternet(): void {
  must('ip', 'link', 'set', 'lo', 'up');
  must('ip', 'link', 'add', BRIDGE, 'type', 'bridge');
  must('ip', 'address', 'add', `${RENDEZVOUS_HOST}/24`, 'dev', BRIDGE);
  must('ip', 'link', 'set', BRIDGE, 'up');
}

/** Lays a cable from the internet into the namespace of `child`. */
export function connectToInternet(name: string, child: ChildProcess): void {
  const inside = ['peer', 'name', INSIDE, 'netns', String(child.pid)];
  must('ip', 'link', 'add', name, 'type', 'veth', ...inside);
  must('ip', 'link', 'set', name, 'master', BRIDGE, 'up');
}

/** Uses the cable, from inside. */
export function useCable(host: string): void {
  must('ip', 'link', 'set', 'lo', 'up');
  must('ip', 'address', 'add', `${host}/24`, 'dev', INSIDE);
  must('ip', 'link', 'set', INSIDE, 'up');
}

function must(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim()}`);
}
