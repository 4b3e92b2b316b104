import { PeerError, SocketAddress, type AddressLike } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';

/** The longest identity in an address, in characters: keys and fingerprints are shorter. */
const MAX_IDENTITY = 128;

/** Letters, digits, and what keys, fingerprints and names are written with; no `@`, which ends it, and nothing that escapes a line. */
const IDENTITY = new RegExp(`^[\\w.~+/=:-]{1,${MAX_IDENTITY}}$`);

const REMEDY = "write '<identity>@host:port', or 'host:port' where any peer will do";

/** What users may write where the address of a peer is wanted: a {@link PeerAddress}, `'<identity>@host:port'`, or a plain address. */
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

  /** The address that `value` names. @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
  static from(value: PeerAddressLike): PeerAddress {
    if (value instanceof PeerAddress) return value;
    if (typeof value !== 'string') return new PeerAddress(value);
    const at = value.lastIndexOf('@');
    // `unix:@app` is a path: nothing before it could be an identity.
    if (at === -1 || /^(unix|pipe):/.test(value)) return new PeerAddress(value);
    return new PeerAddress(value.slice(at + 1), value.slice(0, at).trimStart());
  }

  /** The same place without an identity. */
  get anyone(): PeerAddress {
    return this.identity === undefined ? this : new PeerAddress(this.address);
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
