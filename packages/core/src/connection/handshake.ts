import type { Duplex } from 'node:stream';
import { NEED_MORE, type Decoder, type NeedMore } from '../contracts/codec.js';
import { ConnectionContext } from '../contracts/connection-context.js';
import type { Direction } from '../contracts/connection.js';
import { PeerError } from '../contracts/errors.js';
import type { Handshake, UpgradeOptions } from '../contracts/handshake.js';
import type { SocketAddress } from '../contracts/socket-address.js';
import type { Cancellation } from '../contracts/cancellation.js';
import type { Link } from '../contracts/transport.js';
import { ChunkQueue } from '../mechanisms/byte-queue.js';
import { markHandled, rejected } from '../mechanisms/deferred.js';

const kSession = Symbol('pea2pea.handshake');
type HandshakeStream = Duplex & { [kSession]?: HandshakeSession };

/** A read that waits for its bytes; several are served in order. */
interface PendingRead {
  /** True when it was served. */
  attempt(): boolean;
  reject(error: Error): void;
}

/**
 * The handshake of one link. It reads from the stream only while a read is pending, so a peer cannot
 * make us buffer what nobody asked for.
 */
export class HandshakeSession implements Handshake {
  readonly direction: Direction;
  readonly dialled: SocketAddress | undefined;
  readonly context = new ConnectionContext();
  /** Received and not read; the connection goes on with it. */
  readonly received = new ChunkQueue();
  readonly #link: Link;
  readonly #cancellation: Cancellation;
  #stream: HandshakeStream;
  /** Of the stream that it goes on over; see {@link Link.recyclesWrites}. */
  recyclesWrites: boolean;
  #attached = false;
  /** The stream is the connection's now. */
  #over = false;
  #pending: PendingRead[] = [];
  /** Why no more bytes will come. */
  #end: Error | undefined;

  constructor(
    link: Link,
    direction: Direction,
    dialled: SocketAddress | undefined,
    cancellation: Cancellation,
  ) {
    this.#link = link;
    this.#stream = link.stream;
    this.recyclesWrites = link.recyclesWrites;
    this.direction = direction;
    this.dialled = dialled;
    this.#cancellation = cancellation;
    cancellation.add(() => this.#fail(cancellation.reason!));
  }

  get signal(): AbortSignal {
    return this.#cancellation.signal;
  }

  get address(): SocketAddress {
    return this.#link.address;
  }

  get localAddress(): SocketAddress {
    return this.#link.localAddress;
  }

  read(size: number): Promise<Buffer> {
    if (!Number.isSafeInteger(size) || size < 0) {
      return Promise.reject(new RangeError(`read(${size}): the size must be a whole number of bytes`));
    }
    return this.#take(() => (this.received.length >= size ? this.received.read(size) : NEED_MORE));
  }

  readUntil(delimiter: string | Uint8Array, maxLength: number): Promise<Buffer> {
    const mark = Buffer.from(delimiter);
    if (mark.length === 0) return Promise.reject(new RangeError('readUntil(): the delimiter is empty'));
    let scanned = 0;
    return this.#take(() => {
      const queue = this.received;
      for (;;) {
        const start = queue.indexOf(mark[0]!, scanned);
        if (start === -1) scanned = queue.length;
        else scanned = start;
        if (scanned > maxLength) {
          throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', `${maxLength} bytes passed without the delimiter`);
        }
        if (start === -1 || start + mark.length > queue.length) return NEED_MORE;
        if (mark.every((byte, index) => queue.peek(start + index) === byte)) {
          const bytes = queue.read(start);
          queue.skip(mark.length);
          return bytes;
        }
        scanned = start + 1;
      }
    });
  }

  receive<T>(decoder: Decoder<T>): Promise<T> {
    return this.#take(() => (this.received.length > 0 ? decoder.decode(this.received) : NEED_MORE));
  }

  write(bytes: Uint8Array | string): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      const cancellation = this.#cancellation;
      cancellation.throwIfCancelled();
      const onCancel = (): void => reject(cancellation.reason!);
      cancellation.add(onCancel);
      this.#stream.write(bytes, (cause) => {
        cancellation.remove(onCancel);
        if (cause === undefined || cause === null) resolve();
        else reject(this.#ended(cause));
      });
    });
    return markHandled(written);
  }

  get stream(): Duplex {
    this.#release();
    return this.#stream;
  }

  upgrade(duplex: Duplex, { recyclesWrites = false }: UpgradeOptions = {}): void {
    if (typeof duplex?.pipe !== 'function' || typeof duplex.write !== 'function') {
      throw new TypeError('upgrade(): a stream.Duplex is needed, to read from and write to');
    }
    this.#release();
    duplex.on('error', upgradedOnError);
    this.#stream = duplex;
    // A write that goes out early must not end in a handler of the peer: only the link knows that it cannot.
    this.recyclesWrites = recyclesWrites && this.#link.recyclesWrites;
  }

  reject(why: string): never {
    throw new PeerError(
      'P2P_ERR_HANDSHAKE_REJECTED',
      `the handshake with ${this.address} was refused: ${why}`,
    );
  }

  /** The hook is content; answers the stream to go on with, paused, nobody listening. */
  complete(): Duplex {
    this.#detach();
    this.#over = true;
    this.#fail(new PeerError('P2P_ERR_HANDSHAKE_ENDED', `the handshake with ${this.address} is over`));
    this.#stream.pause();
    return this.#stream;
  }

  /** Destroys what the hook put on top of the link, which its owner destroys. */
  destroyUpgrade(): void {
    this.#detach();
    if (this.#stream !== this.#link.stream) this.#stream.destroy();
  }

  onData(chunk: Buffer): void {
    this.received.push(chunk);
    this.#serve();
  }

  onEnd(error?: Error): void {
    this.#fail(this.#ended(error));
  }

  #ended(cause?: Error): PeerError {
    const what = `${this.address} closed the connection during the handshake`;
    return new PeerError('P2P_ERR_HANDSHAKE_ENDED', what, cause && { cause });
  }

  /** A promise for what `take` answers as soon as it is not NEED_MORE. */
  #take<T>(take: () => T | NeedMore): Promise<T> {
    if (this.#over) return rejected(this.#end!);
    const taken = new Promise<T>((resolve, reject) => {
      const attempt = (): boolean => {
        try {
          const value = take();
          if (value === NEED_MORE) return false;
          resolve(value);
        } catch (error) {
          reject(error);
        }
        return true;
      };
      this.#pending.push({ attempt, reject });
    });
    this.#serve();
    return markHandled(taken);
  }

  #serve(): void {
    while (this.#pending[0]?.attempt() === true) this.#pending.shift();
    if (this.#pending.length === 0) {
      this.#stream.pause();
      return;
    }
    const stream = this.#stream;
    if (this.#end === undefined && (stream.destroyed || stream.readableEnded)) this.onEnd();
    if (this.#end !== undefined) {
      this.#fail(this.#end);
      return;
    }
    this.#attach();
    stream.resume();
  }

  /** INVARIANT: every-promise-settles. */
  #fail(error: Error): void {
    this.#end ??= error;
    const pending = this.#pending;
    this.#pending = [];
    for (const read of pending) read.reject(error);
  }

  #attach(): void {
    if (this.#attached) return;
    this.#attached = true;
    const stream = this.#stream;
    stream[kSession] = this;
    stream.on('data', streamOnData);
    stream.on('end', streamOnEnd);
    stream.on('error', streamOnEnd);
    stream.on('close', streamOnEnd);
  }

  #detach(): void {
    if (!this.#attached) return;
    this.#attached = false;
    const stream = this.#stream;
    stream.off('data', streamOnData);
    stream.off('end', streamOnEnd);
    stream.off('error', streamOnEnd);
    stream.off('close', streamOnEnd);
    delete stream[kSession];
  }

  /** Lets go of the stream and puts back what was received but not read. */
  #release(): void {
    this.#detach();
    const { length } = this.received;
    if (length === 0) return;
    this.#stream.pause();
    if (!this.#stream.readableEnded) this.#stream.unshift(this.received.read(length));
  }
}

function streamOnData(this: HandshakeStream, chunk: Buffer): void {
  this[kSession]?.onData(chunk);
}

function streamOnEnd(this: HandshakeStream, error?: Error | boolean): void {
  this[kSession]?.onEnd(error instanceof Error ? error : undefined);
}

/** The connection listens, too; this keeps an error before that from ending the process. */
function upgradedOnError(): void {}
