import { Duplex } from 'node:stream';
import { PeerError, type Direction } from '@pea2pea/core';
import { asError } from '../shared/as-error.js';
import { INITIAL_WINDOW, MAX_WINDOW, violation } from './frame.js';
import { ReceiveBuffer } from './receive-buffer.js';

/** The most that one data frame carries, so that streams take turns. */
const MAX_DATA_LENGTH = 32 * 1024;

/** The session, as a stream sees it. */
export interface StreamHost {
  /** Bytes that each stream may receive and have waiting: at least {@link INITIAL_WINDOW}. */
  readonly receiveWindowBytes: number;
  /** Sends a data frame and calls back when the stream below is done with it. */
  sendData(streamId: number, piece: Uint8Array, onWritten: (error?: Error | null) => void): void;
  /** Tells the peer that it may send `delta` bytes more, and calls back when the stream below is done with that. */
  growWindow(streamId: number, delta: number, onWritten: () => void): void;
  /** Tells the peer that no more data come. */
  sendFin(streamId: number): void;
  /** Gives the stream up; `reset` says that the peer has to be told. Its slot stays taken until {@link vacate}. */
  release(stream: YamuxStream, reset: boolean): void;
  /** A listener, or the callback of a write, threw while the session delivered something. */
  listenerThrew(stream: YamuxStream, error: unknown): void;
  /** The last frame of a closed stream has left the queue below: its slot may be used again. */
  vacate(stream: YamuxStream): void;
}

/** Called by the session alone; kept off the public face of {@link YamuxStream}. */
export interface StreamControl {
  readonly stream: YamuxStream;
  /** A data frame of `length` bytes has begun. @throws {PeerError} P2P_ERR_INVALID_FRAME */
  dataBegins(length: number): void;
  data(piece: Buffer): void;
  /** @throws {PeerError} P2P_ERR_INVALID_FRAME */
  windowGrows(delta: number): void;
  fin(): void;
  /** The peer has reset the stream. */
  reset(): void;
  /** The session is over. What the peer has sent, and ended with a FIN, can still be read after an orderly end. */
  sessionEnds(error: Error, orderly: boolean): void;
  /** Whether the peer has acknowledged the stream, or opened it. */
  acknowledged: boolean;
}

/**
 * One of many streams over one: a `Duplex` like any other, with backpressure of its own in both directions.
 *
 * note: `end()` is a half-close: the peer may go on sending. `destroy()` before both sides have ended resets the stream.
 * note: a reset by the peer, and the end of the session, destroy it with P2P_ERR_DISCONNECTED. An `'error'` that nobody
 * listens to hurts nobody.
 * note: what the peer sends waits here until it is read, up to the receive window; then the peer has to wait. The stream
 * counts as open until all was read, or it is destroyed.
 * note: bytes given to `write()` are no longer needed once its callback is called.
 */
export class YamuxStream extends Duplex {
  /** Odd for those that the client opened, even for the server's. */
  readonly id: number;
  /** Who opened it: `'inbound'` the peer, `'outbound'` this side. */
  readonly direction: Direction;
  readonly #host: StreamHost;
  readonly #received = new ReceiveBuffer();
  /** The reader asked for more than there was. */
  #wanted = false;
  /** Bytes that the peer may still send. */
  #receiveWindow: number;
  /** Bytes of the current frame that have not come yet. */
  #announced = 0;
  /** A window update is on its way down: one at a time, so that those that the peer does not take do not pile up. */
  #granting = false;
  /** Bytes that we may still send. */
  #sendWindow = INITIAL_WINDOW;
  /** The chunk that is being sent, and who waits for it. */
  #outgoing: { rest: Buffer; readonly callback: (error?: Error | null) => void } | undefined;
  /** A frame is on its way down: the next one waits for it. */
  #sending = false;
  #finReceived = false;
  #finSent = false;
  /** The peer needs no telling of the end. */
  #quiet = false;
  #sessionOver: Error | undefined;

  /** Made by a session: `openStream()`, `onStream`. */
  constructor(host: StreamHost, id: number, direction: Direction, adopt: (control: StreamControl) => void) {
    // Nothing is read ahead: what waits is counted against the window.
    super({ readableHighWaterMark: 0 });
    this.#host = host;
    this.id = id;
    this.direction = direction;
    this.#receiveWindow = host.receiveWindowBytes;
    this.on('error', streamOnError);
    adopt({
      stream: this,
      dataBegins: (length) => this.#dataBegins(length),
      data: (piece) => this.#data(piece),
      windowGrows: (delta) => this.#windowGrows(delta),
      fin: () => this.#fin(),
      reset: () => this.#reset(),
      sessionEnds: (error, orderly) => this.#sessionEnds(error, orderly),
      acknowledged: direction === 'inbound',
    });
  }

  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    this.#grant();
    return chunk;
  }

  /** Called by Node when there is room for what is received. */
  override _read(): void {
    const piece = this.#received.shift();
    if (piece !== undefined) this.push(piece);
    else if (this.#finReceived) this.push(null);
    else this.#wanted = true;
  }

  /** Called by Node for each chunk to send. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#sessionOver !== undefined) {
      callback(); // see #sessionEnds
      return;
    }
    this.#outgoing = { rest: chunk, callback };
    this.#sendMore();
  }

  /** Called by Node after `end()` and the last chunk. */
  override _final(callback: (error?: Error | null) => void): void {
    this.#finSent = true;
    this.#host.sendFin(this.id);
    callback();
  }

  /** Called by Node when the stream is destroyed. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#received.clear();
    this.#host.release(this, !this.#quiet && !(this.#finSent && this.#finReceived));
    // INVARIANT: bounded-memory. A frame that waits in the stream below is held, whatever became of its stream.
    if (!this.#sending) this.#host.vacate(this);
    callback(error);
    const outgoing = this.#outgoing;
    this.#outgoing = undefined;
    outgoing?.callback(error ?? new PeerError('P2P_ERR_DISCONNECTED', 'the stream was destroyed'));
  }

  #dataBegins(length: number): void {
    if (length > 0 && this.#finReceived) throw violation(`data for stream ${this.id} after its FIN`);
    if (length > this.#receiveWindow) {
      throw violation(`${length} bytes for stream ${this.id}, whose window is ${this.#receiveWindow}`);
    }
    this.#receiveWindow -= length;
    this.#announced = length;
  }

  #data(piece: Buffer): void {
    this.#announced -= piece.length;
    if (!this.#wanted) {
      this.#received.push(piece);
      return;
    }
    this.#wanted = false;
    this.#deliver(() => this.push(piece));
    this.#grant();
  }

  #windowGrows(delta: number): void {
    if (this.#sendWindow + delta > MAX_WINDOW) throw violation(`the window of stream ${this.id} overflows`);
    this.#sendWindow += delta;
    this.#deliver(() => this.#sendMore());
  }

  /** Runs what calls listeners: what one throws is its own stream's end, not the session's, nor the peer's fault. */
  #deliver(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#host.listenerThrew(this, error);
      this.destroy(asError(error));
    }
  }

  #fin(): void {
    this.#finReceived = true;
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#deliver(() => this.push(null));
  }

  #reset(): void {
    this.#quiet = true;
    this.destroy(new PeerError('P2P_ERR_DISCONNECTED', `the peer reset stream ${this.id}`));
  }

  /**
   * The session is over. What the peer has sent and ended is complete after an orderly end, and stays readable. Until it
   * was read, what is written goes nowhere, and waits for nobody: an error would destroy the stream, and what it holds.
   * The stream fails then, unless this side had ended it, too.
   */
  #sessionEnds(error: Error, orderly: boolean): void {
    this.#quiet = true;
    this.#sessionOver = error;
    if (!orderly || !this.#finReceived || this.readableEnded) {
      this.destroy(error);
      return;
    }
    if (!this.#finSent) this.once('end', () => this.destroy(error));
    const outgoing = this.#outgoing;
    this.#outgoing = undefined;
    if (outgoing !== undefined) this.#deliver(() => outgoing.callback());
  }

  /**
   * Lets the peer send as much as was read, in steps of half a window: `window + waiting` never exceeds what was granted,
   * and the rest of a frame that has begun counts as waiting: no matter how large the frames of the peer are.
   */
  #grant(): void {
    if (this.#finReceived || this.destroyed || this.#granting) return;
    const waiting = this.#received.length + this.readableLength + this.#announced;
    const delta = this.#host.receiveWindowBytes - this.#receiveWindow - waiting;
    if (2 * delta < this.#host.receiveWindowBytes) return;
    this.#receiveWindow += delta;
    this.#granting = true;
    this.#host.growWindow(this.id, delta, () => {
      this.#granting = false;
      this.#grant();
    });
  }

  #sendMore(): void {
    const outgoing = this.#outgoing;
    if (outgoing === undefined || this.#sending) return;
    if (outgoing.rest.length === 0) {
      this.#outgoing = undefined;
      outgoing.callback();
      return;
    }
    const size = Math.min(outgoing.rest.length, this.#sendWindow, MAX_DATA_LENGTH);
    if (size === 0) return; // until the window grows
    const piece = outgoing.rest.subarray(0, size);
    outgoing.rest = outgoing.rest.subarray(size);
    this.#sendWindow -= size;
    this.#sending = true;
    this.#host.sendData(this.id, piece, (error) => this.#sent(error));
  }

  #sent(error: Error | null | undefined): void {
    this.#sending = false;
    if (this.destroyed) {
      this.#host.vacate(this);
      return;
    }
    // A stream below that fails ends the session, which ends this one.
    if (error === undefined || error === null) this.#sendMore();
  }
}

/** Keeps a peer that resets a stream from ending the process. */
function streamOnError(): void {}
