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

// What precedes the 32 bytes of a key in DER: RFC 8410, sections 4 and 7.
const SPKI = Buffer.from('302a300506032b656e032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** A new key pair from the system's random number generator; GENERATE_KEYPAIR() of the specification. */
export function generateKeyPair(): NoiseKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return {
    publicKey: rawPublicKey(publicKey),
    privateKey: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(PKCS8.length)),
  };
}

/**
 * The public key of a private key of 32 bytes.
 * @throws {RangeError} when the private key has another size
 */
export function publicKeyOf(privateKey: Uint8Array): Buffer {
  return rawPublicKey(createPublicKey(importPrivateKey(privateKey)));
}

/**
 * DH(key_pair, public_key).
 *
 * note: section 12.1 permits refusing public keys of low order, with which the result is zero whatever the private key;
 * we do.
 * @throws {PeerError} P2P_ERR_INVALID_FRAME for a public key of low order
 */
export function dh({ privateKey }: NoiseKeyPair, publicKey: Uint8Array): Buffer {
  const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' });
  const own = importPrivateKey(privateKey);
  try {
    return diffieHellman({ privateKey: own, publicKey: key });
  } catch (cause) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the public key of the peer is a point of low order', {
      cause,
    });
  }
}

function importPrivateKey(privateKey: Uint8Array): KeyObject {
  if (privateKey.length !== DHLEN)
    throw new RangeError(`a private key has ${DHLEN} bytes, not ${privateKey.length}`);
  return createPrivateKey({ key: Buffer.concat([PKCS8, privateKey]), format: 'der', type: 'pkcs8' });
}

function rawPublicKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ type: 'spki', format: 'der' }).subarray(SPKI.length));
}
