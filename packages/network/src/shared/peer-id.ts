import { requireBytes } from '@pea2pea/core/authoring';
import { fromBase32, fromRadix, toBase58 } from './multibase.js';

/** The multihashes that peer ids are: the bytes themselves, which are 42 at most, or SHA-256 of them. */
const IDENTITY_HASH = 0x00;
const SHA_256 = 0x12;
const LONGEST = 42;

/** What stands before the 32 bytes of an Ed25519 key: protobuf `PublicKey { Type: 1, Data }`. */
const ED25519_KEY = Uint8Array.of(0x08, 0x01, 0x12, 0x20);
const ED25519_BYTES = 32;

/** A CID of version 1 with the content type `libp2p-key`. */
const CID = Uint8Array.of(0x01, 0x72);

/** The longest text that is read, in characters: a multihash of 44 bytes in base 32 is shorter. */
const MAX_TEXT = 128;

/**
 * The libp2p peer id of an Ed25519 public key, in the form of `connection.identity` where peers prove such keys: `12D3KooW…`.
 *
 * note: the keys of `noise` are X25519 keys, which libp2p has no peer ids for. Give it no such key: nothing tells the two apart.
 * @see https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `publicKey` is not 32 bytes
 */
export function peerIdOf(publicKey: Uint8Array): string {
  requireBytes('publicKey', publicKey, { min: ED25519_BYTES, max: ED25519_BYTES });
  const length = ED25519_KEY.length + publicKey.length;
  return toBase58(Uint8Array.of(IDENTITY_HASH, length, ...ED25519_KEY, ...publicKey));
}

/** The Ed25519 public key in a peer id, in 32 bytes; undefined where it holds none: ids of other keys are hashes of them. */
export function publicKeyOfPeerId(peerId: string): Buffer | undefined {
  const bytes = readPeerId(peerId);
  if (bytes === undefined) return undefined;
  const key = bytes.subarray(2 + ED25519_KEY.length);
  const isEd25519 =
    bytes[0] === IDENTITY_HASH &&
    key.length === ED25519_BYTES &&
    ED25519_KEY.every((byte, index) => bytes[2 + index] === byte);
  return isEd25519 ? Buffer.from(key) : undefined;
}

/** The one form of a peer id that identities are compared in, base 58, of either form that libp2p writes; undefined where it is not one. */
export function canonicalPeerId(text: string): string | undefined {
  const bytes = readPeerId(text);
  return bytes && toBase58(bytes);
}

function readPeerId(text: string): Uint8Array | undefined {
  if (typeof text !== 'string' || text.length > MAX_TEXT) return undefined;
  // A multihash in base 58 begins with one of these two; what begins with another letter is a CID, whose base that is.
  const bytes = /^(1|Qm)/.test(text) ? fromRadix('base58', text) : readCid(text);
  return bytes !== undefined && isMultihash(bytes) ? bytes : undefined;
}

function readCid(text: string): Uint8Array | undefined {
  const rest = text.slice(1);
  const bytes =
    text[0] === 'b'
      ? fromBase32(rest)
      : text[0] === 'k'
        ? fromRadix('base36', rest)
        : text[0] === 'z'
          ? fromRadix('base58', rest)
          : undefined;
  return bytes !== undefined && CID.every((byte, index) => bytes[index] === byte)
    ? bytes.subarray(CID.length)
    : undefined;
}

function isMultihash([code, length = 0, ...digest]: Uint8Array): boolean {
  if (digest.length !== length) return false;
  return code === SHA_256 ? length === 32 : code === IDENTITY_HASH && length > 0 && length <= LONGEST;
}
