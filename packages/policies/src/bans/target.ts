import { IpPrefix, PeerError, SocketAddress, type AddressLike } from '@pea2pea/core';
import { describe, parseIp, type IpAddress } from '@pea2pea/core/authoring';

/**
 * Whom a ban is about: an IP address or a prefix as text (`'203.0.113.7'`, `'203.0.113.0/24'`), an address with a port,
 * which does not matter, or a peer: its connection, or the `Handshake` or `AcceptRequest` that it is known by.
 */
export type BanTarget = AddressLike | IpPrefix | Peered;

/** What has the address of a peer: a connection, first of all. */
export interface Peered {
  readonly address: SocketAddress;
}

/**
 * The block of addresses to ban: an IPv6 address without a length stands for its first `ipv6PrefixLength` bits, as
 * whoever has one has those. A link-local one (`fe80::/10`) stands for itself, as all of a LAN share its first bits.
 * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
 */
export function blockOf(target: BanTarget, ipv6PrefixLength: number): IpPrefix {
  const named = addressOrPrefix(target);
  return named instanceof IpPrefix ? named : IpPrefix.ofHost(named, ipv6PrefixLength);
}

/** The block of the one address, or of the prefix, to look for. @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
export function exactlyOf(target: BanTarget): IpPrefix {
  const named = addressOrPrefix(target);
  return named instanceof IpPrefix ? named : IpPrefix.ofAddress(named);
}

function addressOrPrefix(target: BanTarget): IpAddress | IpPrefix {
  if (target instanceof IpPrefix) return target;
  if (typeof target === 'string') {
    if (target.includes('/')) return IpPrefix.parse(target);
    return parseIp(target) ?? ipOf(SocketAddress.from(target).host);
  }
  return ipOf('address' in target ? target.address.host : target.host);
}

function ipOf(host: string): IpAddress {
  const ip = parseIp(host);
  if (ip !== undefined) return ip;
  throw new PeerError('P2P_ERR_INVALID_ADDRESS', `${describe(host)} is a name; bans are by IP address`);
}
