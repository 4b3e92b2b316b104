import type { Decoder } from '../contracts/codec.js';

/**
 * What the decoders of one handshake remember: messages that they hold, and the stream that they read from.
 * INVARIANT: nothing-crosses-an-upgrade.
 */
export class UsedDecoders {
  /** Those that held messages when they were last asked. */
  #holding: Set<Decoder<unknown>> | undefined;
  /** How often what a decoder may remember came to be of another stream, and for each decoder, when it was first used. */
  #epoch = 0;
  readonly #epochs = new WeakMap<Decoder<unknown>, number>();

  /** `decoder` reads from the present stream. */
  add(decoder: Decoder<unknown>): void {
    this.#epochs.set(decoder, this.#epoch);
  }

  /** `decoder` returned a message; it may hold more. */
  returned(decoder: Decoder<unknown>): void {
    if (decoder.holds !== undefined) (this.#holding ??= new Set()).add(decoder);
  }

  /** What they read is not of the stream that comes now. */
  forget(): void {
    this.#epoch++;
  }

  /** Whether nothing that `decoder` may remember is of another stream than what comes now. */
  mayRead(decoder: Decoder<unknown>): boolean {
    return (this.#epochs.get(decoder) ?? this.#epoch) === this.#epoch;
  }

  /** Whether one of them has messages that nobody received. */
  get holdMessages(): boolean {
    return this.#holding !== undefined && [...this.#holding].some((decoder) => decoder.holds?.() === true);
  }
}
