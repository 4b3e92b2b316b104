import { networkInterfaces } from 'node:os';
import { IpPrefix } from '@pea2pea/core';
import { parseIp } from '@pea2pea/core/authoring';

/** The IPv4 addresses of this machine, without loopback; or the one that is to be used alone. */
export function ownAddresses(only: string | undefined): string[] {
  if (only !== undefined) return [only];
  return all()
    .filter(({ internal }) => !internal)
    .map(({ address }) => address);
}

/**
 * Whether an address is of a network that this machine is in: packets of others came through a router, or claim an address, and RFC 6762,
 * section 11, has them ignored.
 */
export function isOnLink(host: string): boolean {
  const ip = parseIp(host);
  if (ip === undefined) return false;
  return all().some(({ cidr }) => cidr !== null && IpPrefix.parse(cidr).contains(ip));
}

function all() {
  return Object.values(networkInterfaces())
    .flat()
    .filter((info) => info !== undefined)
    .filter(({ family }) => family === 'IPv4');
}
