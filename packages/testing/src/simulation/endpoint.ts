import type { Link, SocketAddress } from '@pea2pea/core';
import type { Incarnation } from './incarnation.js';
import { MOST_BYTES, type Pipe, type Segment } from './pipe.js';
import { SimSocket, type SocketSystem } from './sim-socket.js';
import { systemError, type SystemCode } from './system-error.js';
import type { Subject } from './trace.js';

/** What an end of a connection asks of what is between it and the other one. */
export interface Between {
  /** A reset travels to the other end, and may get lost. */
  sendReset(from: Endpoint): void;
  /** The process has closed its end, or it is dead; `keepsSending`: its system still has what is to be sent. */
  onClosed(endpoint: Endpoint, keepsSending: boolean): void;
}

/**
 * One end of a connection, as the operating system has it: it outlives the socket of its process until all is sent, and receives
 * while the process stands still.
 */
export class Endpoint implements Link, SocketSystem {
  readonly incarnation: Incarnation;
  readonly address: SocketAddress;
  readonly localAddress: SocketAddress;
  readonly subject: Subject;
  readonly reusesBuffers = true;
  readonly neverReenters = true;
  readonly stream: SimSocket;
  readonly #between: Between;
  #out: Pipe<Endpoint> | undefined;
  #in: Pipe<Endpoint> | undefined;
  /** Nothing, most of the time: whoever reads takes it at once. */
  #received: Buffer[] | undefined;
  #receivedBytes = 0;
  #hasEnd = false;
  #isReading = false;
  #isTold = false;
  #endedFirst = false;
  #error: NodeJS.ErrnoException | undefined;
  #isClosed = false;

  constructor(
    incarnation: Incarnation,
    addresses: { readonly local: SocketAddress; readonly remote: SocketAddress },
    subject: Subject,
    between: Between,
  ) {
    this.incarnation = incarnation;
    this.localAddress = addresses.local;
    this.address = addresses.remote;
    this.subject = subject;
    this.#between = between;
    this.stream = new SimSocket(this);
    this.stream.on('error', streamOnError);
  }

  join(out: Pipe<Endpoint>, back: Pipe<Endpoint>): void {
    this.#out = out;
    this.#in = back;
  }

  /** The process has closed it, or is dead. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** A reset has arrived, or the system gave the peer up. */
  get hasFailed(): boolean {
    return this.#error !== undefined;
  }

  /** Whether its address pair has to rest: its end was the first, and both have ended in order. */
  get mustWait(): boolean {
    return this.#endedFirst && this.#error === undefined;
  }

  // What the process does:

  reset(): void {
    if (this.#isClosed) return;
    this.#between.sendReset(this);
    this.#finish();
    this.stream.destroy();
  }

  /** Why nothing can be written. */
  get writeError(): Error | undefined {
    return this.#error;
  }

  write(bytes: Buffer): boolean {
    if (this.#isClosed) return true;
    return this.#out!.write(bytes);
  }

  end(): void {
    if (this.#isClosed) return;
    this.#endedFirst ||= !this.#hasEnd;
    this.#out!.end();
  }

  read(): void {
    this.#isReading = true;
    this.feed();
  }

  /** The socket is closed. Who closes with bytes unread resets; otherwise the system sends what is left, and an end. */
  close(): void {
    if (this.#isClosed) return;
    const isClean = this.#receivedBytes === 0;
    if (isClean) this.end();
    else this.#between.sendReset(this);
    this.#finish(isClean);
  }

  /** The machine has lost its power: nothing of it goes out any more. */
  vanish(): void {
    if (!this.#isClosed) this.#finish();
  }

  // What the network does:

  arrived(segment: Segment): void {
    if (this.#isClosed) {
      // Nobody is there who could take it. Whoever has closed in order knows an end when it comes.
      if (segment.kind === 'data' || !this.incarnation.isAlive) this.#between.sendReset(this);
      return;
    }
    if (segment.kind === 'data') {
      const { bytes } = segment;
      if (this.#isReading && this.#received === undefined && this.incarnation.isRunning) {
        this.#in!.consumed(bytes.length);
        this.#isReading = this.stream.receive(bytes);
        return;
      }
      (this.#received ??= []).push(bytes);
      this.#receivedBytes += bytes.length;
    } else {
      this.#hasEnd = true;
    }
    this.incarnation.call(feed, this);
  }

  hasRoom(): void {
    this.incarnation.call(tellRoom, this);
  }

  /** A reset arrived, or the system gave the peer up: nothing goes out any more; what has arrived can still be read. */
  onError(code: SystemCode): void {
    if (this.#isClosed || this.#error !== undefined) return;
    // Linux keeps a reset from those who have heard the end of the stream, until they write.
    this.#error =
      this.#hasEnd && code === 'ECONNRESET' ? systemError('EPIPE', 'write') : systemError(code, 'read');
    this.#out!.die();
    this.incarnation.call(feed, this);
  }

  /** Has the stream have what has arrived, as far as it wants it. */
  feed(): void {
    while (this.#isReading && this.#received !== undefined) {
      const bytes = this.#takeReceived(this.#received);
      this.#in!.consumed(bytes.length);
      this.#isReading = this.stream.push(bytes);
      if (this.#isClosed) return;
    }
    if (this.#received !== undefined) return;
    const error = this.#error;
    if (error !== undefined && (error.syscall === 'read' || this.#isTold)) {
      // Like a socket that is paused: the error shows when the process reads, or has a write under way.
      const isWaiting = this.#isReading && !this.#isTold;
      if (isWaiting || this.stream.writableLength > 0) this.stream.destroy(error);
    } else if (this.#hasEnd && this.#isReading && !this.#isTold) {
      this.#isTold = true;
      this.stream.push(null);
      this.stream.read(0);
    }
  }

  /** What has arrived meanwhile comes as one. */
  #takeReceived(received: Buffer[]): Buffer {
    const all = received.length === 1 ? received[0]! : Buffer.concat(received);
    const taken = all.length > MOST_BYTES ? all.subarray(0, MOST_BYTES) : all;
    this.#received = taken === all ? undefined : [all.subarray(MOST_BYTES)];
    this.#receivedBytes -= taken.length;
    return taken;
  }

  #finish(keepsSending = false): void {
    this.#isClosed = true;
    if (!keepsSending) this.#endedFirst = false;
    this.#received = undefined;
    this.#receivedBytes = 0;
    if (!keepsSending) this.#out!.die();
    this.#between.onClosed(this, keepsSending);
  }
}

function feed(endpoint: Endpoint): void {
  endpoint.feed();
}

function tellRoom({ stream }: Endpoint): void {
  stream.onRoom();
}

function streamOnError(): void {}
