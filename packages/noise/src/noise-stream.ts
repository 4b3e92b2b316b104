import { Duplex } from 'node:stream';
import { PeerError, systemClock, type Timer } from '@pea2pea/core';
import { TAG_LENGTH } from './cipher-state.js';
import { HEADER_LENGTH, MessageReader } from './message-reader.js';
import { MAX_PLAINTEXT_LENGTH, type TransportCipher } from './transport-cipher.js';

type Callback = (error?: Error | null) => void;

/** Messages of at most this many bytes are copied after their length field, to be one write; for longer ones the copy costs more. */
const COPY_LENGTH = 4 * 1024;

/**
 * Messages that are decrypted in one turn of the event loop, at most: each takes its time, however short it is, and a
 * megabyte has room for sixty thousand.
 */
const MESSAGES_PER_TURN = 32;

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
export class NoiseStream extends Duplex {
  readonly #raw: Duplex;
  readonly #sending: TransportCipher;
  readonly #receiving: TransportCipher;
  readonly #reader = new MessageReader();
  /** Why nothing more can be read; the stream is destroyed with it once everything before it has been read. */
  #failure: Error | undefined;
  /** A chunk may have more messages, which wait for the next turn, or for who reads; and `raw` with them. */
  #hasRest = false;
  #nextTurn: Timer | undefined;
  /** Who reads asked for more than there is, and has been given nothing since: it does not ask again. */
  #isAsked = false;

  constructor(raw: Duplex, { sending, receiving, received = [] }: NoiseStreamParts) {
    // Nothing is decrypted ahead: a message without a reader costs an object, however short it is. INVARIANT: bounded-memory.
    super({ readableHighWaterMark: 0 });
    this.#raw = raw;
    this.#sending = sending;
    this.#receiving = receiving;
    raw.pause();
    raw.on('data', (chunk: Buffer) => this.#onData(chunk));
    raw.on('end', () => this.#onEnd());
    raw.on('error', (error: Error) => this.destroy(error));
    raw.on('close', () => this.#onClose());
    for (const plaintext of received) this.push(plaintext);
    // A stream that has already ended does not emit the events again.
    if (raw.destroyed) this.#onClose();
    else if (raw.readableEnded) this.#onEnd();
  }

  /** Reads as {@link Duplex.read} does; a failure is reported once everything before it has been read. */
  override read(size?: number): unknown {
    try {
      return super.read(size);
    } finally {
      // Also when one of our listeners threw.
      if (this.#failure !== undefined && this.readableLength === 0) this.destroy(this.#failure);
    }
  }

  override _read(): void {
    if (this.#failure !== undefined) return;
    this.#isAsked = true;
    if (this.#hasRest) this.#nextTurn ??= systemClock.nextTurn(this.#goOn);
    else this.#raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#send([chunk], callback);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], callback: Callback): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  override _final(callback: Callback): void {
    this.#raw.end(callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#nextTurn?.cancel();
    this.#raw.destroy();
    callback(error);
  }

  #send(chunks: readonly Buffer[], callback: Callback): void {
    const raw = this.#raw;
    let pieces: Buffer[];
    try {
      pieces = this.#seal(chunks);
    } catch (error) {
      callback(error as Error);
      return;
    }
    const last = pieces.pop();
    if (last === undefined) {
      callback();
      return;
    }
    let isTold = false;
    const taken: Callback = (error) => {
      if (isTold) return;
      isTold = true;
      callback(error);
    };
    raw.cork();
    for (const piece of pieces) raw.write(piece);
    raw.write(last, taken);
    raw.uncork();
    // If the system took everything at once, the writer need not wait for another turn of the event loop.
    if (raw.writableLength === 0 && !raw.destroyed) taken();
  }

  /** The messages for the bytes of `chunks`, whose borders they ignore, as pieces to write. */
  #seal(chunks: readonly Buffer[]): Buffer[] {
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

  #onData(chunk: Buffer): void {
    if (this.#failure !== undefined || this.destroyed) return;
    this.#reader.push(chunk);
    this.#open();
  }

  /** Decrypts messages of the chunk: all, or as many as one turn has room for. INVARIANT: fair-turns. */
  #open(): void {
    const opened: Buffer[] = [];
    let failure: Error | undefined;
    let count = 0;
    try {
      for (; count < MESSAGES_PER_TURN; count++) {
        const message = this.#reader.next();
        if (message === undefined) break;
        opened.push(...this.#receiving.open(message.ciphertext, message.tag));
      }
    } catch (error) {
      failure = error as Error;
    }
    this.#hasRest = count === MESSAGES_PER_TURN;
    if (this.#hasRest) this.#raw.pause();
    try {
      this.#pushAll(opened);
    } finally {
      if (failure !== undefined) this.#fail(failure);
      else if (this.#hasRest) this.#readOn();
    }
  }

  /** Goes on for who asked, or takes what comes as it comes. */
  #readOn(): void {
    if ((this.#isAsked || this.readableLength === 0) && !this.destroyed) this._read();
  }

  readonly #goOn = (): void => {
    this.#nextTurn = undefined;
    try {
      this.#open();
    } finally {
      if (this.#raw.readableEnded) this.#onEnd();
      else if (!this.#hasRest) this.#readOn();
    }
  };

  /**
   * Passes on what was decrypted. Listeners for `data` run inside this call: what one throws reaches our caller, as with
   * any stream, and is not the peer's fault. What was not passed on yet stays readable.
   */
  #pushAll(opened: readonly Buffer[]): void {
    let hasRoom = true;
    let at = 0;
    if (opened.length > 0) this.#isAsked = false;
    try {
      while (at < opened.length) hasRoom = this.push(opened[at++]);
    } finally {
      if (at < opened.length) {
        const flows = !this.isPaused();
        this.pause(); // so that no listener runs
        while (at < opened.length) hasRoom = this.push(opened[at++]);
        if (flows) this.resume();
      }
      if (!hasRoom && !this.#isAsked) this.#raw.pause();
    }
  }

  #onEnd(): void {
    // A socket may end while it is paused: what came before is decrypted first.
    if (this.#hasRest || this.#failure !== undefined || this.destroyed) return;
    if (!this.#reader.isInsideMessage) this.push(null);
    else this.#fail(new PeerError('P2P_ERR_TRUNCATED_FRAME', 'the stream ended inside a Noise message'));
  }

  /** `raw` may close once it has ended; closing earlier destroys this stream. */
  #onClose(): void {
    if (this.#failure === undefined && !this.#raw.readableEnded) this.destroy(this.#raw.errored ?? undefined);
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#raw.pause();
    if (this.readableLength === 0) this.destroy(error);
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
