import { IpPrefix, PeerError, SocketAddress, type AddressLike, type IpAddress } from '@pea2pea/core';
import { describe, parseIp } from '@pea2pea/core/authoring';

/**
 * The target of a ban: an IP address or prefix as a string (`'203.0.113.7'`, `'203.0.113.0/24'`), an address with a port,
 * which is ignored, or a peer: its connection, `Handshake` or `AcceptRequest`.
 */
export type BanTarget = AddressLike | IpPrefix | Peered;

/** Anything that has the address of a peer, such as a connection. */
export interface Peered {
  /** The address of the peer. */
  readonly address: SocketAddress;
}

/**
 * The block of addresses to ban. An IPv6 address without a length stands for its first `ipv6PrefixLength` bits: whoever
 * has the address usually has all of these. A link-local one (`fe80::/10`) stands for itself: its first bits are shared by
 * all of a LAN.
 * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
 */
export function blockOf(target: BanTarget, ipv6PrefixLength: number): IpPrefix {
  const named = addressOrPrefix(target);
  return named instanceof IpPrefix ? named : IpPrefix.ofHost(named, ipv6PrefixLength);
}

/** The block of exactly this address or prefix. @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
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
  return ipOf(hostOf(target));
}

/** The host of an address, or of a peer. What comes from JavaScript may be anything. */
function hostOf(target: unknown): string {
  const { address, host } = Object(target) as { readonly address?: unknown; readonly host?: unknown };
  const found = address === undefined ? host : (Object(address) as { readonly host?: unknown }).host;
  if (typeof found === 'string') return found;
  throw new PeerError(
    'P2P_ERR_INVALID_ADDRESS',
    `${describe(target)} is neither an address, nor a prefix, nor a peer`,
  );
}

function ipOf(host: string): IpAddress {
  const ip = parseIp(host);
  if (ip !== undefined) return ip;
  throw new PeerError('P2P_ERR_INVALID_ADDRESS', `${describe(host)} is a host name; bans are by IP address`);
}
