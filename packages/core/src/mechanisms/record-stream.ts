import { Duplex } from 'node:stream';
import { PeerError } from '../errors/errors.js';
import { free, hasOwnMemory, isOurs, markOwnMemory, originOf, type ChunkOrigin } from './own-memory.js';
import { systemClock } from './system-clock.js';
import type { Timer } from '../contracts/clock.js';

type Callback = (error?: Error | null) => void;

/**
 * Records that are opened in one turn of the event loop, at most: each takes its time, however short it is, and a
 * megabyte has room for sixty thousand.
 */
const RECORDS_PER_TURN = 32;

/** Makes records of bytes and back, for one stream. */
export interface RecordLayer {
  /** The records for the bytes of `chunks`, whose borders they ignore, as pieces to write. */
  seal(chunks: readonly Buffer[]): Buffer[];
  /** The record that ends the stream, so that a cut is told from an end. @default none, the end of the stream is its end */
  readonly sealEnd?: (() => Uint8Array) | undefined;
  /**
   * Takes the next chunk, after {@link next} returned undefined for the one before.
   * @param isOurs whether the layer frees it, if it can, once it is used up
   */
  push(chunk: Buffer, isOurs: boolean): void;
  /**
   * What the next record contains: pieces, none for one without content; null for the record that ends the stream; undefined
   * where another chunk is needed.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME, P2P_ERR_FRAME_TOO_LARGE
   */
  next(): readonly Buffer[] | undefined | null;
  /** Whether all that {@link seal} and {@link next} return is memory of its own, which nobody else has. @default false */
  readonly makesOwnMemory?: boolean;
  /** Whether a stream that ended here would be cut. */
  readonly isIncomplete: boolean;
  /** What that is called: the stream ended "inside a Noise message". */
  readonly whenCut: string;
}

/**
 * A stream of bytes in records over `raw`: what is written here is sealed and written to `raw`, what `raw` receives is opened
 * and read here.
 *
 * note: its promises to users are those of {@link sealedStream}, and of the packages that are built on it.
 */
export class RecordStream extends Duplex {
  readonly #raw: Duplex;
  readonly #layer: RecordLayer;
  readonly #origin: ChunkOrigin | undefined;
  /** Whether sealed records are freed once they are written. */
  readonly #freesSealed: boolean;
  /** Why nothing more can be read; the stream is destroyed with it once everything before it has been read. */
  #failure: Error | undefined;
  /** The record that ends the stream has come; what follows is discarded. */
  #hasEnded = false;
  /** A chunk may have more records, which wait for the next turn, or for who reads; and `raw` with them. */
  #hasRest = false;
  #nextTurn: Timer | undefined;
  /** Who reads asked for more than there is, and has been given nothing since: it does not ask again. */
  #isAsked = false;

  constructor(raw: Duplex, layer: RecordLayer, received: readonly Buffer[] = []) {
    // Nothing is opened ahead: a record without a reader costs an object, however short it is. INVARIANT: bounded-memory.
    super({ readableHighWaterMark: 0 });
    this.#raw = raw;
    this.#layer = layer;
    const makesOwnMemory = layer.makesOwnMemory === true;
    this.#freesSealed = makesOwnMemory && hasOwnMemory(raw);
    if (makesOwnMemory) markOwnMemory(this);
    raw.pause();
    this.#origin = originOf(raw);
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

  /** Implements a stream; not to be called. */
  override _read(): void {
    if (this.#failure !== undefined) return;
    this.#isAsked = true;
    if (this.#hasRest) this.#nextTurn ??= systemClock.nextTurn(this.#goOn);
    else this.#raw.resume();
  }

  /** Implements a stream; not to be called. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#send([chunk], callback);
  }

  /** Implements a stream; not to be called. */
  override _writev(chunks: { readonly chunk: Buffer }[], callback: Callback): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  /** Implements a stream; not to be called. */
  override _final(callback: Callback): void {
    try {
      const last = this.#layer.sealEnd?.();
      if (last !== undefined) this.#raw.write(last);
    } catch (error) {
      callback(error as Error);
      return;
    }
    this.#raw.end(callback);
  }

  /** Implements a stream; not to be called. */
  override _destroy(error: Error | null, callback: Callback): void {
    this.#nextTurn?.cancel();
    this.#raw.destroy();
    callback(error);
  }

  #send(chunks: readonly Buffer[], callback: Callback): void {
    const raw = this.#raw;
    let pieces: Buffer[];
    try {
      pieces = this.#layer.seal(chunks);
    } catch (error) {
      callback(error as Error);
      return;
    }
    const last = pieces.pop();
    if (last === undefined) {
      callback();
      return;
    }
    const sealed = this.#freesSealed ? [...pieces, last] : undefined;
    let isTold = false;
    const taken: Callback = (error) => {
      if (isTold) return;
      isTold = true;
      // After an error the system may still read from them.
      if (sealed !== undefined && (error === undefined || error === null))
        for (const piece of sealed) free(piece);
      callback(error);
    };
    raw.cork();
    for (const piece of pieces) raw.write(piece);
    raw.write(last, taken);
    raw.uncork();
    // If the system took everything at once, the writer need not wait for another turn of the event loop.
    if (raw.writableLength === 0 && !raw.destroyed && raw.errored === null) taken();
  }

  #onData(chunk: Buffer): void {
    if (this.#failure !== undefined || this.#hasEnded || this.destroyed) return;
    this.#layer.push(chunk, this.#origin !== undefined && isOurs(this.#origin, chunk));
    this.#open();
  }

  /** Opens records of the chunk: all, or as many as one turn has room for. INVARIANT: fair-turns. */
  #open(): void {
    const opened: Buffer[] = [];
    let failure: Error | undefined;
    let count = 0;
    try {
      for (; count < RECORDS_PER_TURN; count++) {
        const pieces = this.#layer.next();
        if (pieces === undefined) break;
        if (pieces === null) {
          this.#hasEnded = true;
          break;
        }
        opened.push(...pieces);
      }
    } catch (error) {
      failure = error as Error;
    }
    this.#hasRest = count === RECORDS_PER_TURN;
    if (this.#hasRest) this.#raw.pause();
    try {
      this.#pushAll(opened);
    } finally {
      if (failure !== undefined) this.#fail(failure);
      else if (this.#hasEnded) this.#onLastRecord();
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
   * Passes on what was opened. Listeners for `data` run inside this call: what one throws reaches our caller, as with
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
    // A socket may end while it is paused: what came before is opened first.
    if (this.#hasRest || this.#hasEnded || this.#failure !== undefined || this.destroyed) return;
    if (!this.#layer.isIncomplete) this.push(null);
    else this.#fail(new PeerError('P2P_ERR_TRUNCATED_FRAME', `the stream ended ${this.#layer.whenCut}`));
  }

  /** What comes after it is discarded, so that the end of `raw` is noticed. */
  #onLastRecord(): void {
    this.push(null);
    this.#raw.resume();
  }

  /** `raw` may close once it has ended; closing earlier destroys this stream. */
  #onClose(): void {
    if (this.#failure === undefined && !this.#raw.readableEnded && !this.#hasEnded)
      this.destroy(this.#raw.errored ?? undefined);
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#raw.pause();
    if (this.readableLength === 0) this.destroy(error);
  }
}
