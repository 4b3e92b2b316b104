import { Duplex } from 'node:stream';
import { systemError } from './system-error.js';

type Callback = (error?: Error | null) => void;

/** As sockets have them, on every Node alike. */
const HIGH_WATER_MARKS = { readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 };

/** What the operating system does for a socket. */
export interface SocketSystem {
  /** Reads go on until the stream has enough. */
  read(): void;
  /** Takes bytes; returns whether there is room for more. */
  write(bytes: Buffer): boolean;
  /** Why nothing can be written. */
  readonly writeError: Error | undefined;
  end(): void;
  close(): void;
  reset(): void;
}

/** The stream of one end of a connection: what a process sees of it. */
export class SimSocket extends Duplex {
  readonly #system: SocketSystem;
  /** The callback of a write that the system has no room for yet. */
  #pendingWrite: Callback | undefined;

  constructor(system: SocketSystem) {
    super({ allowHalfOpen: true, ...HIGH_WATER_MARKS });
    this.#system = system;
    this.pause();
  }

  /** Closes so that the peer sees a reset. */
  resetAndDestroy(): this {
    if (!this.destroyed) this.#system.reset();
    return this.destroy();
  }

  /**
   * Bytes have come, while nobody is in the middle of a read. Returns whether there is room for more.
   *
   * note: as `push` does. That also has every chunk followed by a tick, in which it asks for the next one: here nobody waits for
   * that.
   */
  receive(bytes: Buffer): boolean {
    const hasReader = this.readableFlowing === true && this.readableDidRead && this.listenerCount('data') > 0;
    const isAsPushed = this.readableLength === 0 && this.readableEncoding === null;
    if (!hasReader || !isAsPushed || this.destroyed) return this.push(bytes);
    this.emit('data', bytes);
    return true;
  }

  override _read(): void {
    this.#system.read();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    // A copy: once it has called back, whoever wrote may use the bytes again.
    this.#send(Buffer.from(chunk), callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback);
  }

  /** There is room in the system again. */
  onRoom(): void {
    const callback = this.#pendingWrite;
    this.#pendingWrite = undefined;
    callback?.();
  }

  override _final(callback: Callback): void {
    this.#system.end();
    callback();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#system.close();
    const pending = this.#pendingWrite;
    this.#pendingWrite = undefined;
    callback(error);
    // As with sockets: why a stream fails is told before its writes fail.
    if (pending !== undefined) {
      process.nextTick(() => pending(error ?? systemError('ECANCELED', 'write')));
    }
  }

  #send(bytes: Buffer, callback: Callback): void {
    const error = this.#system.writeError;
    if (error !== undefined) callback(error);
    else if (this.#system.write(bytes)) callback();
    else this.#pendingWrite = callback;
  }
}
