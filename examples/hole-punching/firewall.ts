/** What stands between a network namespace and the others. */
import { spawnSync } from 'node:child_process';

/** Lets in what belongs to connections that were dialled from inside, and nothing else. */
export type Firewall = 'nft' | 'ip rule' | 'none';

const NOBODY = 65534;

/** Puts up the best there is around the network namespace of this process. */
export function putUpFirewall(): Firewall {
  if (nft()) return 'nft';
  return silence() ? 'ip rule' : 'none';
}

/**
 * Remembers who was called, from which port, and drops what comes from anybody else.
 *
 * note: `ct state established` is not enough: Linux's own connection tracking loses many of the connections whose SYNs
 * crossed.
 */
function nft(): boolean {
  return runs('nft', [
    'add table ip firewall;',
    'add set ip firewall called',
    '{ type ipv4_addr . inet_service . inet_service; flags dynamic, timeout; timeout 60s; };',
    'add chain ip firewall output { type filter hook output priority 0; };',
    'add rule ip firewall output tcp flags syn update @called { ip daddr . tcp dport . tcp sport };',
    'add chain ip firewall input { type filter hook input priority 0; policy drop; };',
    'add rule ip firewall input ip saddr . tcp sport . tcp dport @called accept;',
  ]);
}

/**
 * Without a packet filter: the kernel answers for root where no socket is, so that a namespace that sends nothing of
 * root's never answers a SYN that nobody in it asked for. From here on this process is not root's.
 */
function silence(): boolean {
  const rule = ['pref', '1', 'iif', 'lo', 'uidrange', '0-0', 'blackhole'];
  if (!runs('ip', ['rule', 'add', ...rule])) return false;
  try {
    process.setgid!(NOBODY);
    process.setuid!(NOBODY);
    return true;
  } catch {
    runs('ip', ['rule', 'del', ...rule]); // root of a namespace of users is often the only one in it
    return false;
  }
}

/** Whether `command` is there and content. */
export function runs(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
