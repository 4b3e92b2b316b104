import type { Duplex } from 'node:stream';
import { RecordStream, type RecordLayer } from '@pea2pea/core/authoring';
import { TAG_LENGTH } from './cipher-state.js';
import { HEADER_LENGTH, MessageReader } from './message-reader.js';
import { MAX_PLAINTEXT_LENGTH, type TransportCipher } from './transport-cipher.js';

/** Messages of at most this many bytes are copied after their length field, to be one write; for longer ones the copy costs more. */
const COPY_LENGTH = 4 * 1024;

/** What a {@link NoiseStream} is made of. */
export interface NoiseStreamParts {
  /** Encrypts what is written. */
  readonly sending: TransportCipher;
  /** Decrypts what arrives. */
  readonly receiving: TransportCipher;
  /** Plaintext that arrived with the handshake, to be read first. @default none */
  readonly received?: readonly Buffer[] | undefined;
}

/**
 * An encrypted stream over `raw`: what is written here is encrypted and written to `raw`, what `raw` receives is decrypted
 * and read here. Each message on the wire is `length (uint16, big endian) || ciphertext`.
 *
 * note: a write makes as few messages as possible, each with at most 65 519 bytes of plaintext.
 * note: its promises to users are those of `NoiseChannel.secure`.
 */
export class NoiseStream extends RecordStream {
  constructor(raw: Duplex, { sending, receiving, received }: NoiseStreamParts) {
    super(raw, new NoiseRecords(sending, receiving), received);
  }
}

class NoiseRecords implements RecordLayer {
  readonly whenCut = 'inside a Noise message';
  readonly makesOwnMemory = true;
  readonly #sending: TransportCipher;
  readonly #receiving: TransportCipher;
  readonly #reader = new MessageReader();

  constructor(sending: TransportCipher, receiving: TransportCipher) {
    this.#sending = sending;
    this.#receiving = receiving;
  }

  get isIncomplete(): boolean {
    return this.#reader.isInsideMessage;
  }

  push(chunk: Buffer, isOurs: boolean): void {
    this.#reader.push(chunk, isOurs);
  }

  next(): readonly Buffer[] | undefined {
    const message = this.#reader.next();
    return message === undefined ? undefined : this.#receiving.open(message.ciphertext, message.tag);
  }

  seal(chunks: readonly Buffer[]): Buffer[] {
    const pieces: Buffer[] = [];
    let plaintext: Buffer[] = [];
    let length = 0;
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + MAX_PLAINTEXT_LENGTH - length);
        plaintext.push(part);
        at += part.length;
        length += part.length;
        if (length < MAX_PLAINTEXT_LENGTH) continue;
        frame(this.#sending.seal(plaintext), length, pieces);
        plaintext = [];
        length = 0;
      }
    }
    if (length > 0) frame(this.#sending.seal(plaintext), length, pieces);
    return pieces;
  }
}

/** Adds a message to `pieces`: the length field, then what {@link TransportCipher.seal} returned for `plaintextLength` bytes. */
function frame(sealed: readonly Buffer[], plaintextLength: number, pieces: Buffer[]): void {
  const length = plaintextLength + TAG_LENGTH;
  const isCopied = length <= COPY_LENGTH;
  const head = Buffer.allocUnsafe(HEADER_LENGTH + (isCopied ? length : 0));
  head[0] = length >>> 8;
  head[1] = length;
  pieces.push(head);
  if (!isCopied) {
    pieces.push(...sealed);
    return;
  }
  let at = HEADER_LENGTH;
  for (const part of sealed) {
    head.set(part, at);
    at += part.length;
  }
}
