import { IpPrefix, type SocketAddress } from '@pea2pea/core';
import { isLinkLocal, parseIp } from '@pea2pea/core/authoring';

/**
 * The addresses that one operator may have in great number: a block of this length costs little, two of them are likely to
 * belong to two parties. Bitcoin Core groups by the same lengths (`netgroup.cpp`, without a map of autonomous systems).
 */
const GROUP_LENGTH = { 4: 16, 6: 32 } as const;

/** The group of all addresses that belong to a network of its own. */
export const LOCAL_GROUP = 'local';

/**
 * The group of an address, for whatever must come from several parties: an IPv4 address by its first 16 bits, an IPv6
 * address by its first 32, a name by its last two labels, a path by itself. Loopback, link-local and private addresses are all one
 * group, `local`: they are neighbours, and say nothing about the internet.
 *
 * ```text
 * 203.0.113.7:4000      203.0.0.0/16          peer.example.org:4000    name:example.org
 * [2001:db8::1]:4000    2001:db8::/32         192.168.1.4:4000         local
 * ```
 */
export function groupOf(address: SocketAddress): string {
  if (address.path !== undefined) return address.toString();
  const ip = parseIp(address.host);
  if (ip === undefined) {
    return address.host === 'localhost' ? LOCAL_GROUP : `name:${address.host.split('.').slice(-2).join('.')}`;
  }
  if (isLinkLocal(ip) || LOCAL.some((block) => block.contains(ip))) return LOCAL_GROUP;
  return new IpPrefix(ip, GROUP_LENGTH[ip.version]).toString();
}

/** RFC 1918, RFC 4193, RFC 6598 (carrier-grade NAT), RFC 3927, loopback. */
const LOCAL = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '127.0.0.0/8',
  'fc00::/7',
  '::1/128',
].map((block) => IpPrefix.parse(block));
