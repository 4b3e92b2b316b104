import { createCipheriv, createDecipheriv } from 'node:crypto';
import { PeerError } from '@pea2pea/core';
import { noiseError } from './errors.js';

/** The ciphers by their names in the specification, section 12: OpenSSL's name, and how the nonce is written. */
export const CIPHERS = {
  ChaChaPoly: { algorithm: 'chacha20-poly1305', writeNonce: writeLittleEndian },
  AESGCM: { algorithm: 'aes-256-gcm', writeNonce: writeBigEndian },
} as const;

export type CipherName = keyof typeof CIPHERS;

/** Whether this runtime has the cipher: Bun 1.4 has no ChaCha20. */
export function hasCipher(name: CipherName): boolean {
  try {
    createCipheriv(
      CIPHERS[name].algorithm as 'aes-256-gcm',
      Buffer.alloc(KEY_LENGTH),
      Buffer.alloc(12),
      OPTIONS,
    );
    return true;
  } catch {
    return false;
  }
}

/** Bytes of authentication data at the end of every ciphertext. */
export const TAG_LENGTH = 16;

const KEY_LENGTH = 32;
const MAX_UINT32 = 2 ** 32 - 1;
const NOTHING = Buffer.alloc(0);
const OPTIONS = { authTagLength: TAG_LENGTH };

/**
 * A key and the nonce that counts how often it was used; the Noise specification, section 5.1.
 *
 * note: the nonce is two halves of 32 bits: one number would be inexact from 2^53 on.
 */
export class CipherState {
  readonly #cipher: (typeof CIPHERS)[CipherName];
  #key: Buffer | undefined;
  #high = 0;
  #low = 0;
  /** The 96-bit nonce as the cipher takes it; valid only during the current call. */
  readonly #iv = Buffer.alloc(12);

  constructor(cipher: CipherName) {
    this.#cipher = CIPHERS[cipher];
  }

  /** InitializeKey(key). */
  initializeKey(key: Uint8Array): void {
    this.#key = Buffer.from(key.subarray(0, KEY_LENGTH));
    this.#high = 0;
    this.#low = 0;
  }

  /** HasKey(). */
  get hasKey(): boolean {
    return this.#key !== undefined;
  }

  /** n: the nonce of the next message. */
  get nonce(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  /** SetNonce(nonce). */
  setNonce(nonce: bigint): void {
    this.#high = Number(BigInt.asUintN(32, nonce >> 32n));
    this.#low = Number(BigInt.asUintN(32, nonce));
  }

  /**
   * EncryptWithAd(ad, plaintext).
   * @throws {PeerError} P2P_ERR_NONCE_EXHAUSTED
   */
  encryptWithAd(ad: Uint8Array, plaintext: Uint8Array): Buffer {
    return this.hasKey ? Buffer.concat(this.seal([plaintext], ad)) : Buffer.from(plaintext);
  }

  /**
   * DecryptWithAd(ad, ciphertext).
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when it does not authenticate; the nonce is then unchanged
   */
  decryptWithAd(ad: Uint8Array, ciphertext: Uint8Array): Buffer {
    if (!this.hasKey) return Buffer.from(ciphertext);
    if (ciphertext.length < TAG_LENGTH) throw forged();
    const end = ciphertext.length - TAG_LENGTH;
    return Buffer.concat(this.open([ciphertext.subarray(0, end)], ciphertext.subarray(end), ad));
  }

  /**
   * Encrypts one message, given in parts, and returns the parts of the ciphertext; the last is the authentication data.
   * The parts are never concatenated, so nothing is copied.
   */
  seal(plaintext: readonly Uint8Array[], ad: Uint8Array = NOTHING): Buffer[] {
    this.#requireNonce();
    const sealed = this.#encrypt(plaintext, ad);
    this.#advance();
    return sealed;
  }

  /** Decrypts one message, given in parts, and returns the parts of the plaintext. */
  open(ciphertext: readonly Uint8Array[], tag: Uint8Array, ad: Uint8Array = NOTHING): Buffer[] {
    this.#requireNonce();
    const { algorithm, writeNonce } = this.#cipher;
    writeNonce(this.#iv, this.#high, this.#low);
    const decipher = createDecipheriv(algorithm as 'aes-256-gcm', this.#key!, this.#iv, OPTIONS);
    decipher.setAuthTag(tag);
    if (ad.length > 0) decipher.setAAD(ad);
    const opened: Buffer[] = [];
    for (const part of ciphertext) if (part.length > 0) opened.push(decipher.update(part));
    try {
      decipher.final();
    } catch (cause) {
      throw forged(cause);
    }
    this.#advance();
    return opened;
  }

  /** Rekey(): section 4.2. The nonce keeps counting. */
  rekey(): void {
    const [high, low] = [this.#high, this.#low];
    this.#high = MAX_UINT32;
    this.#low = MAX_UINT32;
    const [key] = this.#encrypt([Buffer.alloc(KEY_LENGTH)], NOTHING);
    this.#key = key;
    this.#high = high;
    this.#low = low;
  }

  #encrypt(plaintext: readonly Uint8Array[], ad: Uint8Array): Buffer[] {
    const { algorithm, writeNonce } = this.#cipher;
    writeNonce(this.#iv, this.#high, this.#low);
    const cipher = createCipheriv(algorithm as 'aes-256-gcm', this.#key!, this.#iv, OPTIONS);
    if (ad.length > 0) cipher.setAAD(ad);
    const sealed: Buffer[] = [];
    for (const part of plaintext) if (part.length > 0) sealed.push(cipher.update(part));
    cipher.final();
    sealed.push(cipher.getAuthTag());
    return sealed;
  }

  /** 2^64-1 is reserved for {@link rekey}. */
  #requireNonce(): void {
    if (this.#low === MAX_UINT32 && this.#high === MAX_UINT32) {
      throw noiseError('P2P_ERR_NONCE_EXHAUSTED', 'a cipher state has encrypted 2^64-1 messages');
    }
  }

  #advance(): void {
    if (this.#low < MAX_UINT32) {
      this.#low++;
    } else {
      this.#low = 0;
      this.#high++;
    }
  }
}

/** Section 12.3: 32 zero bits, then the nonce. */
function writeLittleEndian(iv: Buffer, high: number, low: number): void {
  iv.writeUInt32LE(low, 4);
  iv.writeUInt32LE(high, 8);
}

/** Section 12.4. */
function writeBigEndian(iv: Buffer, high: number, low: number): void {
  iv.writeUInt32BE(high, 4);
  iv.writeUInt32BE(low, 8);
}

function forged(cause?: unknown): PeerError {
  const what =
    'a Noise message does not authenticate: it was changed, repeated, reordered, or is not from the peer';
  return new PeerError('P2P_ERR_INVALID_FRAME', what, cause === undefined ? undefined : { cause });
}
