import { PeerError, SocketAddress, type AddressLike } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { formatMultiaddr, parseMultiaddr } from './multiaddr.js';

/** The longest identity in an address, in characters: keys and fingerprints are shorter. */
const MAX_IDENTITY = 128;

/** Letters, digits, and what keys, fingerprints and names are written with; no `@`, which ends it, and nothing that escapes a line. */
const IDENTITY = new RegExp(`^[\\w.~+/=:-]{1,${MAX_IDENTITY}}$`);

const REMEDY = "write '<identity>@host:port', or 'host:port' where any peer will do";

/**
 * What users may write where the address of a peer is wanted: a {@link PeerAddress}, `'<identity>@host:port'`, a multiaddr, or a plain
 * address.
 */
export type PeerAddressLike = PeerAddress | AddressLike;

/**
 * Where a peer is, and who it has to be: `9f2c…@203.0.113.7:4000`, as a value. Two are the same if their strings are.
 *
 * note: the identity is compared as it is, so write it as the handshake does: `noise` in 64 hexadecimal digits, in lower case.
 */
export class PeerAddress {
  /** Where to dial. */
  readonly address: SocketAddress;
  /** Who must be there, in the form of `connection.identity`; undefined where any peer will do. */
  readonly identity: string | undefined;

  /** @throws {PeerError} P2P_ERR_INVALID_ADDRESS when either of them is not one */
  constructor(address: AddressLike, identity?: string) {
    this.address = SocketAddress.from(address);
    if (identity !== undefined && !(typeof identity === 'string' && IDENTITY.test(identity))) {
      throw invalidAddress(`${describe(identity)} is not an identity`);
    }
    this.identity = identity;
  }

  /**
   * The address that `value` names. A string that begins with a slash is a multiaddr: `/ip4/203.0.113.7/tcp/4000/p2p/12D3KooW…`, with `ip6`,
   * `dns`, `dns4` or `dns6` in the place of `ip4`.
   *
   * note: a name is resolved in both families when it is dialled, also one of `dns4` or `dns6`.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for a multiaddr of anything but TCP
   */
  static from(value: PeerAddressLike): PeerAddress {
    if (value instanceof PeerAddress) return value;
    if (typeof value !== 'string') return new PeerAddress(value);
    if (value.startsWith('/')) {
      const { address, peerId } = parseMultiaddr(value);
      return new PeerAddress(address, peerId);
    }
    const at = value.lastIndexOf('@');
    // `unix:@app` is a path: nothing before it could be an identity.
    if (at === -1 || /^(unix|pipe):/.test(value)) return new PeerAddress(value);
    return new PeerAddress(value.slice(at + 1), value.slice(0, at).trimStart());
  }

  /** The same place without an identity. */
  get anyone(): PeerAddress {
    return this.identity === undefined ? this : new PeerAddress(this.address);
  }

  /**
   * The address as a [multiaddr](https://github.com/multiformats/multiaddr): `/ip4/203.0.113.7/tcp/4000/p2p/12D3KooW…`. Names are `/dns/…`.
   *
   * note: an identity is written where it is a libp2p peer id, in base 58. The keys of `noise` have none: write `address.anyone.toMultiaddr()`.
   * @throws {PeerError} P2P_ERR_NO_MULTIADDR for an identity that is not a peer id, and for a path
   */
  toMultiaddr(): string {
    return formatMultiaddr(this.address, this.identity);
  }

  /** `<identity>@host:port`, or `host:port`. */
  toString(): string {
    return this.identity === undefined ? this.address.toString() : `${this.identity}@${this.address}`;
  }

  /** The address as a string: {@link toString}. */
  toJSON(): string {
    return this.toString();
  }
}

function invalidAddress(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_ADDRESS', what, { remedy: REMEDY });
}
