import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { PeerError } from '@pea2pea/core';

/** DHLEN of 25519: the size of keys and of what they agree on, in bytes. */
export const DHLEN = 32;

/** A Curve25519 key pair in the encoding of RFC 7748. */
export interface NoiseKeyPair {
  /** 32 bytes; what others know this side by. */
  readonly publicKey: Buffer;
  /** 32 bytes. Keep it secret, and keep it across restarts: whoever has it is this side. */
  readonly privateKey: Buffer;
}

// What precedes the 32 bytes of a private key in DER: RFC 8410, section 7.
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/**
 * Private keys as OpenSSL has them, by their pair: to read one takes longer than to agree on a key with it.
 *
 * note: an entry is used only while the bytes of its pair are what they were.
 */
const imported = new WeakMap<NoiseKeyPair, Imported>();

interface Imported {
  readonly bytes: Buffer;
  readonly key: KeyObject;
  readonly publicKey: Buffer;
}

/** A new key pair from the system's random number generator; GENERATE_KEYPAIR() of the specification. */
export function generateKeyPair(): NoiseKeyPair {
  return keyPairOf(generateKeyPairSync('x25519').privateKey);
}

/** @throws {RangeError} when `key` is not an X25519 private key */
export function keyPairOf(key: KeyObject): NoiseKeyPair {
  if (key.type !== 'private' || key.asymmetricKeyType !== 'x25519') {
    throw new RangeError('it is not an X25519 private key');
  }
  const { x, d } = key.export({ format: 'jwk' });
  const pair = { publicKey: Buffer.from(x!, 'base64url'), privateKey: Buffer.from(d!, 'base64url') };
  imported.set(pair, { bytes: Buffer.from(pair.privateKey), key, publicKey: Buffer.from(pair.publicKey) });
  return pair;
}

/** The private key in PEM: PKCS #8, RFC 8410 section 7. */
export function pemOf(pair: NoiseKeyPair): string {
  return importPair(pair).key.export({ format: 'pem', type: 'pkcs8' }) as string;
}

/**
 * The public key of a private key of 32 bytes.
 * @throws {RangeError} when the private key has another size
 */
export function publicKeyOf(privateKey: Uint8Array): Buffer {
  return publicKeyIn(readPrivateKey(privateKey));
}

/** Whether the two keys of a pair belong together. */
export function isPair(pair: NoiseKeyPair): boolean {
  return importPair(pair).publicKey.equals(pair.publicKey);
}

/**
 * DH(key_pair, public_key).
 *
 * note: section 12.1 permits refusing public keys of low order, with which the result is zero whatever the private key;
 * we do.
 * @throws {PeerError} P2P_ERR_INVALID_FRAME for a public key of low order
 */
export function dh(pair: NoiseKeyPair, publicKey: Uint8Array): Buffer {
  // As JWK, which takes a fifth of the time that DER does.
  const x = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
  const { key: own } = importPair(pair);
  try {
    return diffieHellman({ privateKey: own, publicKey: key });
  } catch (cause) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the public key of the peer is a point of low order', {
      cause,
    });
  }
}

function importPair(pair: NoiseKeyPair): Imported {
  const known = imported.get(pair);
  if (known?.bytes.equals(pair.privateKey) === true) return known;
  const key = readPrivateKey(pair.privateKey);
  const made = { bytes: Buffer.from(pair.privateKey), key, publicKey: publicKeyIn(key) };
  imported.set(pair, made);
  return made;
}

function readPrivateKey(privateKey: Uint8Array): KeyObject {
  if (privateKey.length !== DHLEN)
    throw new RangeError(`a private key has ${DHLEN} bytes, not ${privateKey.length}`);
  return createPrivateKey({ key: Buffer.concat([PKCS8, privateKey]), format: 'der', type: 'pkcs8' });
}

/** The public key of a private key. */
function publicKeyIn(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url');
}
