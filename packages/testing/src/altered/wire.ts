import { Duplex } from 'node:stream';
import type { Clock, Link, Random, SocketAddress, Timer } from '@pea2pea/core';

/** What is sent on one connection at most, in bytes: enough to be noticed by most limits. */
const MOST_SENT = 1024 * 1024;

/** What a mischief can do to a connection. */
export interface Wire {
  readonly random: Random;
  /** How many bytes can still be sent. */
  readonly restBytes: number;
  /** Sends bytes as they are, and does not wait until there is room; nothing beyond {@link restBytes}. */
  send(bytes: Uint8Array): void;
  /** Ends this half, however much the node goes on to send. */
  end(): void;
  reset(): void;
  /** Calls `run` later, unless the connection is gone by then. */
  later(delayMs: number, run: () => void): void;
  /** Reads nothing more, until `readOn`. */
  stopReading(): void;
  readOn(): void;
}

/** What is wrong with one connection; what is not there is as it should be. */
export interface Mischief {
  /** In place of sending what the node writes. */
  write?(bytes: Buffer): void;
  /** Called with what arrives, before the node has it. */
  read?(bytes: Buffer): void;
  /** In place of ending when the node does. */
  end?(): void;
}

/** Begins a mischief on a connection that just opened. */
export type Begin = (wire: Wire) => Mischief;

type Callback = (error?: Error | null) => void;

/** A link with something wrong: for the node that has it, a link as any other. */
export class AlteredLink implements Link {
  readonly stream: AlteredStream;
  readonly address: SocketAddress;
  readonly localAddress: SocketAddress;
  readonly reusesBuffers = true;
  readonly neverReenters: boolean;

  /** @param mostSent in bytes @default 1 MiB */
  constructor(inner: Link, begin: Begin, clock: Clock, random: Random, mostSent = MOST_SENT) {
    this.address = inner.address;
    this.localAddress = inner.localAddress;
    this.neverReenters = inner.neverReenters;
    this.stream = new AlteredStream(inner, begin, clock, random, mostSent);
    this.stream.on('error', ignore);
  }

  reset(): void {
    this.stream.reset();
  }
}

/** The stream of an {@link AlteredLink}. */
export class AlteredStream extends Duplex {
  readonly #inner: Link;
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  readonly #mischief: Mischief;
  #isDeaf = false;
  readonly #mostSent: number;
  #sentBytes = 0;
  #untakenBytes = 0;

  constructor(inner: Link, begin: Begin, clock: Clock, random: Random, mostSent: number) {
    super({ allowHalfOpen: true });
    this.pause();
    this.#inner = inner;
    this.#clock = clock;
    this.#mostSent = mostSent;
    const { stream } = inner;
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
    stream.pause();
    stream.on('end', () => {
      this.push(null);
      this.read(0);
    });
    stream.on('error', (error) => this.destroy(error));
    stream.on('close', () => this.destroy());
    const restBytes = (): number => this.#mostSent - this.#sentBytes;
    this.#mischief = begin({
      random,
      get restBytes() {
        return restBytes();
      },
      send: (bytes) => this.#send(bytes),
      end: () => void stream.end(),
      reset: () => this.reset(),
      later: (delayMs, run) => this.#later(delayMs, run),
      stopReading: () => this.#stopReading(),
      readOn: () => this.#readOn(),
    });
  }

  // What a mischief does:

  #send(bytes: Uint8Array): void {
    const { stream } = this.#inner;
    if (!stream.writable || this.#sentBytes + bytes.length > this.#mostSent) return;
    this.#count(bytes.length);
    // A copy: what the node wrote it may use again at once.
    stream.write(Buffer.from(bytes), (error) => {
      if (!error) this.#untakenBytes -= bytes.length;
    });
  }

  /** What was sent, and how much of it the system has taken. */
  get sent(): { readonly bytes: number; readonly takenBytes: number } {
    return { bytes: this.#sentBytes, takenBytes: this.#sentBytes - this.#untakenBytes };
  }

  #count(bytes: number): void {
    this.#sentBytes += bytes;
    this.#untakenBytes += bytes;
  }

  reset(): void {
    this.#inner.reset();
    this.destroy();
  }

  #later(delayMs: number, run: () => void): void {
    if (this.destroyed) return;
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }

  #stopReading(): void {
    this.#isDeaf = true;
    this.#inner.stream.pause();
  }

  #readOn(): void {
    this.#isDeaf = false;
    if (!this.destroyed) this.#inner.stream.resume();
  }

  // What the node does:

  override _read(): void {
    if (!this.#isDeaf) this.#inner.stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    if (this.#mischief.write === undefined) {
      this.#count(chunk.length);
      this.#inner.stream.write(Buffer.from(chunk), (error) => {
        if (!error) this.#untakenBytes -= chunk.length;
        callback(error);
      });
      return;
    }
    this.#mischief.write(Buffer.from(chunk));
    callback();
  }

  override _final(callback: Callback): void {
    if (this.#mischief.end === undefined) this.#inner.stream.end();
    else this.#mischief.end();
    callback();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#inner.stream.destroy();
    callback(error);
  }

  #received(chunk: Buffer): void {
    this.#mischief.read?.(chunk);
    if (!this.destroyed && !this.push(chunk)) this.#inner.stream.pause();
  }
}

function ignore(): void {}
