/**
 * Who a libp2p peer is: an Ed25519 key, and the peer id that names it.
 * Specification: libp2p "Peer Ids and Keys", https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
 */
import { createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { PeerError } from '@pea2pea/core';
import { toBase58 } from './base58.js';

/** The `KeyType` of protobuf `PublicKey`; others are RSA, Secp256k1 and ECDSA, which this example leaves out. */
const ED25519 = 1;
const KEY_LENGTH = 32;
/** The multihash "identity": the bytes themselves, where they are no more than 42. */
const IDENTITY_HASH = 0x00;

/** The public half: what a peer proves to have the other half of. */
export class PublicIdentity {
  /** Protobuf `PublicKey { Type = 1; Data = 2 }`: what peers send each other. */
  readonly bytes: Uint8Array;
  /** Base 58 of the multihash of {@link bytes}: `12D3KooW…`. */
  readonly peerId: string;
  readonly #key: KeyObject;

  private constructor(raw: Uint8Array) {
    this.bytes = new BinaryWriter().tag(1, 0).uint32(ED25519).tag(2, 2).bytes(raw).finish();
    this.peerId = toBase58(Uint8Array.of(IDENTITY_HASH, this.bytes.length, ...this.bytes));
    const x = Buffer.from(raw).toString('base64url');
    this.#key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  }

  static of(key: KeyObject): PublicIdentity {
    return new PublicIdentity(Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url'));
  }

  /** @throws {PeerError} P2P_ERR_INVALID_FRAME for what is no Ed25519 key */
  static parse(bytes: Uint8Array): PublicIdentity {
    let type = -1;
    let data: Uint8Array = new Uint8Array();
    readFields(bytes, (field, reader) => {
      if (field === 1) type = reader.uint32();
      else if (field === 2) data = reader.bytes();
      else return false;
      return true;
    });
    if (type !== ED25519 || data.length !== KEY_LENGTH) {
      throw new PeerError('P2P_ERR_INVALID_FRAME', 'the identity key of the peer is none of Ed25519');
    }
    return new PublicIdentity(data);
  }

  verifies(signature: Uint8Array, data: Uint8Array): boolean {
    return verify(null, data, this.#key, signature);
  }
}

/** Both halves: who this node is. */
export class Identity {
  readonly publicIdentity: PublicIdentity;
  readonly #key: KeyObject;

  /** A new one; a real node keeps the private key of an old one. */
  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.publicIdentity = PublicIdentity.of(publicKey);
    this.#key = privateKey;
  }

  get peerId(): string {
    return this.publicIdentity.peerId;
  }

  sign(data: Uint8Array): Uint8Array {
    return sign(null, data, this.#key);
  }
}

/**
 * Reads the fields of a protobuf message; `onField` answers whether it took the value, else it is skipped, as protobuf
 * wants it with fields that a reader does not know.
 * @throws {PeerError} P2P_ERR_INVALID_FRAME for what is no protobuf message
 */
export function readFields(
  bytes: Uint8Array,
  onField: (field: number, reader: BinaryReader) => boolean,
): void {
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (!onField(field, reader)) reader.skip(wireType);
    }
  } catch (cause) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the peer sent a malformed protobuf message', { cause });
  }
}
