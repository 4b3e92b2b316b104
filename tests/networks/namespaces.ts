import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ADDRESSES, OUTSIDE, type HostName } from './stage.js';

const ROUTER_OF_A = '198.51.100.1';

/** What a host's system is told; each namespace has settings of its own. */
export type Settings = Readonly<Record<string, string | number>>;

/**
 * A router between two hosts, each a network namespace of its own. None of them leads anywhere else.
 *
 * ```text
 *   a 198.51.100.2 ---- 198.51.100.1  router  203.0.113.1 ---- 203.0.113.2 b
 *                                     192.0.2.0/25 blackhole, 192.0.2.128/25 unreachable
 * ```
 */
export class Namespaces {
  readonly #prefix: string;
  readonly #settings: Settings;

  constructor(prefix: string, settings: Settings) {
    this.#prefix = prefix;
    this.#settings = settings;
  }

  name(host: HostName | 'router'): string {
    return `${this.#prefix}-${host}`;
  }

  async make(): Promise<void> {
    const router = this.name('router');
    await sh(`
      ip netns add ${router}
      ip -n ${router} link set lo up
      ip netns exec ${router} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratelimit'
      ip -n ${router} route add blackhole 192.0.2.0/25
      ip -n ${router} route add unreachable 192.0.2.128/25
    `);
    await this.nft([
      'add table ip faults',
      'add chain ip faults drops { type filter hook prerouting priority raw; }',
      'add chain ip faults replies { type filter hook forward priority filter; }',
    ]);
    await this.addHost('a');
    await this.addHost('b');
  }

  /** A host with nothing but its settings: as after a start. */
  async addHost(host: HostName): Promise<void> {
    const [name, router] = [this.name(host), this.name('router')];
    const gateway = host === 'a' ? ROUTER_OF_A : OUTSIDE;
    const settings = Object.entries(this.#settings).map(
      ([setting, value]) => `echo "${value}" > /proc/sys/net/ipv4/${setting}`,
    );
    await sh(`
      ip netns add ${name}
      ip -n ${router} link add to-${host} type veth peer name eth0 netns ${name}
      ip -n ${name} link set lo up
      ip -n ${name} addr add ${ADDRESSES[host]}/24 dev eth0
      ip -n ${name} link set eth0 up
      ip -n ${router} addr add ${gateway}/24 dev to-${host}
      ip -n ${router} link set to-${host} up
      ip -n ${name} route add default via ${gateway}
      ip netns exec ${name} sh -c '${settings.join('; ')}'`);
  }

  /** All of it is gone at once, its sockets too, and nobody is told. */
  async removeHost(host: HostName): Promise<void> {
    // The namespace goes in the background: without this its end of the cable would still be there.
    await sh(`ip -n ${this.name('router')} link del to-${host}; ip netns del ${this.name(host)}`);
  }

  /** Runs lines in one of the namespaces. */
  async in(host: HostName | 'router', lines: string): Promise<void> {
    await sh(`ip netns exec ${this.name(host)} sh -e -c '${lines}'`);
  }

  /** Changes the rules of the router, all of it or nothing. */
  async nft(rules: readonly string[]): Promise<void> {
    await run('ip', ['netns', 'exec', this.name('router'), 'nft', rules.join('\n')], LIMITS);
  }

  async remove(): Promise<void> {
    for (const host of ['a', 'b', 'router'] as const) {
      await sh(`ip netns del ${this.name(host)} 2>/dev/null || true`);
    }
  }
}

const run = promisify(execFile);
const LIMITS = { timeout: 20_000 };

/** Runs lines of a shell, and fails with the first that does. */
async function sh(lines: string): Promise<void> {
  await run('sh', ['-e', '-c', lines], LIMITS);
}
