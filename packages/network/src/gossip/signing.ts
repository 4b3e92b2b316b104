import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { BoundedMap, invalidConfig } from '@pea2pea/core/authoring';

/** Signs publications, and checks signatures. */
export interface GossipSigner {
  /** Who this node is: what others get as `origin`. Up to 128 characters of ASCII. */
  readonly identity: string;
  /** The signature of this node, up to 255 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
  /** Whether `signature` is that of `identity`. It gets what strangers send. */
  verify(identity: string, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** The beginning of an Ed25519 public key in DER, RFC 8410: the 32 bytes of the key follow. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const MAX_KEYS = 1_024;

/**
 * Signatures with Ed25519 (RFC 8032); the identity is the public key in 64 hexadecimal digits.
 *
 * ```ts
 * const { privateKey } = generateKeyPairSync('ed25519');
 * node.use(gossip({ signer: ed25519Signer(privateKey) }));
 * ```
 *
 * note: the keys of `noise` are for X25519, which cannot sign: an origin has a key of its own.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when the key is not a private Ed25519 key
 */
export function ed25519Signer(privateKey: KeyObject): GossipSigner {
  if (privateKey?.type !== 'private' || privateKey.asymmetricKeyType !== 'ed25519') {
    throw invalidConfig('`privateKey` must be a private Ed25519 key');
  }
  const own = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(SPKI.length);
  const keys = new BoundedMap<KeyObject>({ maxEntries: MAX_KEYS, isOver: () => false });
  const keyOf = (identity: string): KeyObject => {
    const known = keys.get(identity, 0);
    if (known !== undefined) return known;
    const der = Buffer.concat([SPKI, Buffer.from(identity, 'hex')]);
    const key = createPublicKey({ key: der, type: 'spki', format: 'der' });
    keys.set(identity, key, 0);
    return key;
  };
  return {
    identity: own.toString('hex'),
    sign: (bytes) => sign(null, bytes, privateKey),
    verify(identity, bytes, signature) {
      if (!/^[0-9a-f]{64}$/.test(identity) || signature.length !== 64) return false;
      try {
        return verify(null, bytes, keyOf(identity), signature);
      } catch {
        return false; // not a point of the curve
      }
    },
  };
}
