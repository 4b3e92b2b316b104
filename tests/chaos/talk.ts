import { contextKey, type Connection, type Decoder } from '@pea2pea/core';

/** One side of a connection, as its codec knows it: what may be decoded and encoded when. */
export class Talk {
  readonly #breach: (what: string) => void;
  /** Which of the two codecs encodes. */
  #variant = 0;
  #decoder: object | undefined;
  /** Whether a renegotiation is under way: nothing may be decoded or queued. */
  isFrozen = false;
  /** A hook took the stream at some time: an end meanwhile waits for nobody to read. */
  wasTaken = false;
  /** The peer has announced what is not a message, and nobody has taken care of it yet. */
  owes = false;

  /** @param breach reports what was decoded, or queued, and must not have been */
  constructor(breach: (what: string) => void) {
    this.#breach = breach;
  }

  get variant(): number {
    return this.#variant;
  }

  /** Whether `renegotiate` and `detach` have to be accepted now. */
  mayRenegotiate({ state, hasEnded }: Pick<Connection, 'state' | 'hasEnded'>): boolean {
    return state === 'open' && !hasEnded && !this.isFrozen;
  }

  /** A codec makes an encoder for this side. */
  encodesAs(variant: number): void {
    this.#variant = variant;
  }

  /** `decoder`, as the one of this connection from now on. */
  watched<T>(decoder: Decoder<T>): Decoder<T> {
    const watched: Decoder<T> = {
      decode: (input) => {
        if (this.isFrozen) this.#breach('a decoder was called in a renegotiation');
        if (this.#decoder !== watched) this.#breach('the decoder of before a renegotiation was called');
        return decoder.decode(input);
      },
    };
    this.#decoder = watched;
    this.isFrozen = false;
    return watched;
  }
}

export const talks = contextKey<Talk>('talk');
