import { Duplex } from 'node:stream';
import { PeerError } from '@pea2pea/core';
import { TAG_LENGTH } from './cipher-state.js';
import { HEADER_LENGTH, MessageReader } from './message-reader.js';
import { MAX_PLAINTEXT_LENGTH, type TransportCipher } from './transport-cipher.js';

type Callback = (error?: Error | null) => void;

/** A message of up to so many bytes is copied behind its length, to be one write. Copying a longer one costs more than that saves. */
const COPY_LENGTH = 4 * 1024;

/** What a {@link NoiseStream} is made of. */
export interface NoiseStreamParts {
  readonly sending: TransportCipher;
  readonly receiving: TransportCipher;
  /** Plaintext that came with the handshake. */
  readonly received?: readonly Buffer[] | undefined;
}

/**
 * The transport messages of Noise over `raw`: what is written here is encrypted and written there, what comes there is
 * decrypted and read here. On the wire stands `length (uint16, big endian) || ciphertext`.
 *
 * note: as few messages as possible, of 65 519 bytes of plaintext at most.
 * note: a message that does not authenticate, is too short, or is cut by the end of `raw` destroys the stream with
 * P2P_ERR_INVALID_FRAME or P2P_ERR_TRUNCATED_FRAME, after what came before it was read.
 * note: an end between two messages is not authenticated: who controls the network can feign it. A protocol that must
 * know says itself when it is done.
 * note: the stream owns `raw`: ends it with its own end, and destroys it.
 */
export class NoiseStream extends Duplex {
  readonly #raw: Duplex;
  readonly #sending: TransportCipher;
  readonly #receiving: TransportCipher;
  readonly #reader = new MessageReader();
  /** Why nothing more can be read; told when what came before was. */
  #failure: Error | undefined;

  constructor(raw: Duplex, { sending, receiving, received = [] }: NoiseStreamParts) {
    super();
    this.#raw = raw;
    this.#sending = sending;
    this.#receiving = receiving;
    raw.pause();
    raw.on('data', (chunk: Buffer) => this.#onData(chunk));
    raw.on('end', () => this.#onEnd());
    raw.on('error', (error: Error) => this.destroy(error));
    raw.on('close', () => this.#onClose());
    for (const plaintext of received) this.push(plaintext);
    // Events of a stream that ended before do not come again.
    if (raw.destroyed) this.#onClose();
    else if (raw.readableEnded) this.#onEnd();
  }

  /** As {@link Duplex.read}; a failure waits until everything before it was taken from here. */
  override read(size?: number): unknown {
    try {
      return super.read(size);
    } finally {
      // Also where a listener of ours threw.
      if (this.#failure !== undefined && this.readableLength === 0) this.destroy(this.#failure);
    }
  }

  override _read(): void {
    if (this.#failure === undefined) this.#raw.resume();
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
    // Where the system took all of it at once, who writes need not wait for the next turn to hear so.
    if (raw.writableLength === 0 && !raw.destroyed) taken();
  }

  /** The messages that hold the bytes of `chunks`, wherever one of those ends, as pieces to write. */
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
    const opened: Buffer[] = [];
    let failure: Error | undefined;
    try {
      this.#reader.push(chunk);
      for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
        opened.push(...this.#receiving.open(message.ciphertext, message.tag));
      }
    } catch (error) {
      failure = error as Error;
    }
    try {
      this.#pushAll(opened);
    } finally {
      if (failure !== undefined) this.#fail(failure);
    }
  }

  /**
   * Hands over what was decrypted. A listener for `data` is called from here: what it throws goes to who called us, as
   * with any stream, and is no fault of the peer. The rest is there for who reads on.
   */
  #pushAll(opened: readonly Buffer[]): void {
    let hasRoom = true;
    let at = 0;
    try {
      while (at < opened.length) hasRoom = this.push(opened[at++]);
    } finally {
      if (at < opened.length) {
        const flows = !this.isPaused();
        this.pause(); // so that nobody is called
        while (at < opened.length) hasRoom = this.push(opened[at++]);
        if (flows) this.resume();
      }
      if (!hasRoom) this.#raw.pause();
    }
  }

  #onEnd(): void {
    if (this.#failure !== undefined || this.destroyed) return;
    if (!this.#reader.isInsideMessage) this.push(null);
    else this.#fail(new PeerError('P2P_ERR_TRUNCATED_FRAME', 'the stream ended inside a Noise message'));
  }

  /** What is under an ended stream may close; under any other it must not. */
  #onClose(): void {
    if (this.#failure === undefined && !this.#raw.readableEnded) this.destroy(this.#raw.errored ?? undefined);
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#raw.pause();
    if (this.readableLength === 0) this.destroy(error);
  }
}

/** Adds a message to `pieces`: its length, and what {@link TransportCipher.seal} made of `plaintextLength` bytes. */
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
