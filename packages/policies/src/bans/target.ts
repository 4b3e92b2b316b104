import { IpPrefix, PeerError, SocketAddress, type AddressLike, type IpAddress } from '@pea2pea/core';
import { describe, parseIp, requireString } from '@pea2pea/core/authoring';

/**
 * The target of a ban: an IP address or prefix as a string (`'203.0.113.7'`, `'203.0.113.0/24'`), an address with a port,
 * which is ignored, or a peer: its connection, `Handshake` or `AcceptRequest`, by its address.
 */
export type AddressTarget = AddressLike | IpPrefix | Peered;

/** The target of a ban: addresses, or a peer by the identity that it proves, wherever it comes from. */
export type BanTarget = AddressTarget | Identified;

/** A peer by the identity that it proves: `connection.identity` of core. */
export interface Identified {
  /** The identity, of 1 to 1024 characters. */
  readonly identity: string;
  /** Never present: what has an address stands for that address. */
  readonly address?: never;
}

const MAX_IDENTITY_LENGTH = 1_024;

/** The identity that `target` names; undefined where it is one of addresses. @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function identityOf(target: BanTarget): string | undefined {
  if (typeof target !== 'object' || target === null || 'address' in target || 'host' in target)
    return undefined;
  if (!('identity' in target)) return undefined;
  return requireIdentity('identity', target.identity);
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function requireIdentity(name: string, identity: unknown): string {
  return requireString(name, identity, { max: MAX_IDENTITY_LENGTH });
}

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
export function blockOf(target: AddressTarget, ipv6PrefixLength: number): IpPrefix {
  const named = addressOrPrefix(target);
  return named instanceof IpPrefix ? named : IpPrefix.ofHost(named, ipv6PrefixLength);
}

/** The block of exactly this address or prefix. @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
export function exactlyOf(target: AddressTarget): IpPrefix {
  const named = addressOrPrefix(target);
  return named instanceof IpPrefix ? named : IpPrefix.ofAddress(named);
}

function addressOrPrefix(target: AddressTarget): IpAddress | IpPrefix {
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
  throw new PeerError(
    'P2P_ERR_INVALID_ADDRESS',
    `${describe(host)} is not an IP address; bans are by IP address, or by identity`,
  );
}
