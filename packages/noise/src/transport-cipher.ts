import { TAG_LENGTH, type CipherState } from './cipher-state.js';
import { MAX_MESSAGE_LENGTH } from './handshake-state.js';

/** The longest plaintext of a transport message, in bytes. */
export const MAX_PLAINTEXT_LENGTH = MAX_MESSAGE_LENGTH - TAG_LENGTH;

/** The cipher for the transport messages of one direction, with its periodic new keys; section 11.3. */
export class TransportCipher {
  readonly #state: CipherState;
  readonly #rekeyAfterMessages: number;
  #messages = 0;

  /** @param rekeyAfterMessages `Infinity` for never */
  constructor(state: CipherState, rekeyAfterMessages: number) {
    this.#state = state;
    this.#rekeyAfterMessages = rekeyAfterMessages;
  }

  /** Encrypts one message, as {@link CipherState.seal} does. */
  seal(plaintext: readonly Uint8Array[]): Buffer[] {
    const sealed = this.#state.seal(plaintext);
    this.#count();
    return sealed;
  }

  /** Decrypts one message, as {@link CipherState.open} does. */
  open(ciphertext: readonly Uint8Array[], tag: Uint8Array): Buffer[] {
    const opened = this.#state.open(ciphertext, tag);
    this.#count();
    return opened;
  }

  #count(): void {
    if (++this.#messages < this.#rekeyAfterMessages) return;
    this.#messages = 0;
    this.#state.rekey();
  }
}
