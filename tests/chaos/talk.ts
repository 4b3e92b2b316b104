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
  /** Bytes of the peer that somebody here has used, from the first of the link on. */
  usedBytes: number;

  /**
   * @param breach reports what was decoded, or queued, and must not have been
   * @param greetingBytes of the peer, which the handshake has read
   */
  constructor(breach: (what: string) => void, greetingBytes: number) {
    this.#breach = breach;
    this.usedBytes = greetingBytes;
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
    const counted = this.counted(decoder);
    const watched: Decoder<T> = {
      decode: (input) => {
        if (this.isFrozen) this.#breach('a decoder was called in a renegotiation');
        if (this.#decoder !== watched) this.#breach('the decoder of before a renegotiation was called');
        return counted.decode(input);
      },
    };
    this.#decoder = watched;
    this.isFrozen = false;
    return watched;
  }

  /** `decoder`, where what it uses is counted. */
  counted<T>(decoder: Decoder<T>): Decoder<T> {
    return {
      decode: (input) => {
        const before = input.length;
        try {
          return decoder.decode(input);
        } finally {
          this.usedBytes += before - input.length;
        }
      },
    };
  }
}

export const talks = contextKey<Talk>('talk');
