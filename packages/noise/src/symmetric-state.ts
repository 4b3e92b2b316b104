import { CipherState, type CipherName } from './cipher-state.js';
import { hash, hkdf, type HashName } from './hash.js';
import type { NoiseProtocol } from './protocol.js';

/** The chaining key and the transcript of a handshake; the Noise specification, section 5.2. */
export class SymmetricState {
  readonly #hash: HashName;
  readonly #cipher: CipherName;
  readonly #cipherState: CipherState;
  #chainingKey: Buffer;
  #h: Buffer;

  /** InitializeSymmetric(protocol_name). */
  constructor({ name, cipher, hash: hashName }: NoiseProtocol) {
    this.#hash = hashName;
    this.#cipher = cipher;
    const hashLength = hash(hashName).length;
    const bytes = Buffer.from(name, 'ascii');
    this.#h = bytes.length <= hashLength ? Buffer.concat([bytes], hashLength) : hash(hashName, bytes);
    this.#chainingKey = this.#h;
    this.#cipherState = new CipherState(cipher);
  }

  /** Whether payloads and keys are encrypted from here on. */
  get hasKey(): boolean {
    return this.#cipherState.hasKey;
  }

  /** GetHandshakeHash(). */
  get handshakeHash(): Buffer {
    return this.#h;
  }

  /** MixKey(input_key_material). */
  mixKey(input: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.#hash, this.#chainingKey, input);
    this.#chainingKey = chainingKey;
    this.#cipherState.initializeKey(key);
  }

  /** MixHash(data). */
  mixHash(data: Uint8Array): void {
    this.#h = hash(this.#hash, this.#h, data);
  }

  /** MixKeyAndHash(input_key_material). */
  mixKeyAndHash(input: Uint8Array): void {
    const [chainingKey, temporaryHash, key] = hkdf(this.#hash, this.#chainingKey, input);
    this.#chainingKey = chainingKey;
    this.mixHash(temporaryHash);
    this.#cipherState.initializeKey(key);
  }

  /** EncryptAndHash(plaintext). */
  encryptAndHash(plaintext: Uint8Array): Buffer {
    const ciphertext = this.#cipherState.encryptWithAd(this.#h, plaintext);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** DecryptAndHash(ciphertext). @throws {PeerError} P2P_ERR_INVALID_FRAME when it does not authenticate */
  decryptAndHash(ciphertext: Uint8Array): Buffer {
    const plaintext = this.#cipherState.decryptWithAd(this.#h, ciphertext);
    this.mixHash(ciphertext);
    return plaintext;
  }

  /** Split(): the cipher states for the transport messages of the initiator and of the responder. */
  split(): [CipherState, CipherState] {
    const [first, second] = hkdf(this.#hash, this.#chainingKey, Buffer.alloc(0));
    const states: [CipherState, CipherState] = [new CipherState(this.#cipher), new CipherState(this.#cipher)];
    states[0].initializeKey(first);
    states[1].initializeKey(second);
    return states;
  }
}
