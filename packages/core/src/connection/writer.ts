import type { Duplex } from 'node:stream';
import type { Encoder } from '../contracts/codec.js';
import { diagnostics } from '../contracts/diagnostics.js';
import { PeerError } from '../contracts/errors.js';
import { SlabSink, type Batch } from '../mechanisms/byte-sink.js';
import { defer, rejected, type Deferred } from '../mechanisms/deferred.js';
import { encodeMessage } from './encode.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';

/** Handed to the stream at once, so that a slow peer's progress shows at least this often. */
const WRITE_BYTES = 256 * 1024;

/** A batch on its way to the operating system. */
interface Flight extends Batch {
  readonly messages: number;
  readonly waiters: Deferred[] | undefined;
  /** The next segment to be written. */
  next: number;
  /** Bytes that the operating system does not have yet. */
  left: number;
  /** How many of them are in the write that is under way. */
  writing: number;
}

/**
 * The outbound half of a connection: encoder, slabs, socket.
 *
 * ```text
 *   send, trySend -> #sink (gathers) -> #flight (being written) -> the operating system
 * ```
 *
 * What is gathered while a batch is in flight goes out as the next one. Where none is, a batch goes at the end of the
 * tick, or as soon as it fills a write.
 */
export class Writer {
  readonly #node: NodeContext;
  readonly #connection: InnerConnection;
  readonly #stream: Duplex;
  readonly #encoder: Encoder<unknown>;
  /** Made with the first message: an idle connection has none. */
  #sink: SlabSink | undefined;
  /** Made with the first flight, and kept: what the stream calls back. */
  #onWritten: ((error?: Error | null) => void) | undefined;
  #state: 'open' | 'finishing' | 'ended' = 'open';
  #encoding = false;
  #scheduled = false;
  #flight: Flight | undefined;
  #messages = 0;
  #waiters: Deferred[] | undefined;
  #drains: Deferred[] | undefined;
  #finished: Deferred | undefined;
  /** For stalls: rises with every completed write, and when the last sweep saw it rise. */
  #progress = 0;
  #seenProgress = 0;
  #progressAtMs: number | undefined;

  constructor(node: NodeContext, connection: InnerConnection, stream: Duplex, encoder: Encoder<unknown>) {
    this.#node = node;
    this.#connection = connection;
    this.#stream = stream;
    this.#encoder = encoder;
  }

  get bufferedBytes(): number {
    return (this.#sink?.bytes ?? 0) + (this.#flight?.left ?? 0);
  }

  trySend(message: unknown): boolean {
    if (this.#state !== 'open' || this.#isFull()) return false;
    this.#encode(message);
    this.#sendOff();
    return true;
  }

  send(message: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return rejected(aborted(signal));
    if (this.#state !== 'open') return rejected(this.#connection.endError());
    if (this.#isFull()) return rejected(this.#queueFull());
    try {
      this.#encode(message);
    } catch (error) {
      return rejected(error as PeerError);
    }
    const waiter = defer();
    (this.#waiters ??= []).push(waiter);
    this.#sendOff();
    if (signal !== undefined) rejectOnAbort(waiter, signal);
    return waiter.promise;
  }

  /** Queues bytes that were encoded once for many connections; as {@link trySend}. */
  trySendEncoded(message: unknown, bytes: Uint8Array): boolean {
    if (this.#state !== 'open' || this.#isFull()) return false;
    const sink = (this.#sink ??= new SlabSink(this.#node.slabs));
    sink.begin();
    sink.write(bytes);
    this.#queued(message, sink);
    this.#sendOff();
    return true;
  }

  drained(): Promise<void> {
    if (this.#state !== 'open') return rejected(this.#connection.endError());
    if (!this.#isFull()) return Promise.resolve();
    const waiter = defer();
    (this.#drains ??= []).push(waiter);
    return waiter.promise;
  }

  /** Takes no more messages and resolves when those that were queued are with the operating system, or lost. */
  finish(): Promise<void> {
    if (this.#state === 'ended') return Promise.resolve();
    this.#state = 'finishing';
    if (this.#flight === undefined && !this.#hasGathered()) return Promise.resolve();
    this.#finished ??= defer();
    if (this.#flight === undefined) this.flush();
    return this.#finished.promise;
  }

  /** Whatever is still queued is lost; its promises reject. */
  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#node.budget.add(-this.bufferedBytes);
    const waiters = [...(this.#flight?.waiters ?? []), ...(this.#waiters ?? []), ...(this.#drains ?? [])];
    // Slabs in flight may still be read by the stream: they are left to the garbage collector.
    this.#flight = undefined;
    this.#waiters = undefined;
    this.#drains = undefined;
    for (const slab of this.#sink?.take().slabs ?? []) this.#node.slabs.giveBack(slab);
    this.#finished?.resolve();
    if (waiters.length === 0) return;
    // INVARIANT: every-promise-settles.
    const error = this.#connection.endError();
    for (const waiter of waiters) waiter.reject(error);
  }

  /** How long a write has been in flight without progress. */
  stalledForMs(nowMs: number): number {
    if (this.#flight === undefined) {
      this.#progressAtMs = undefined;
      return 0;
    }
    if (this.#progressAtMs === undefined || this.#progress !== this.#seenProgress) {
      this.#seenProgress = this.#progress;
      this.#progressAtMs = nowMs;
    }
    return nowMs - this.#progressAtMs;
  }

  /** Sends off what was gathered, unless a batch is in flight: its end does that. */
  flush(): void {
    this.#scheduled = false;
    if (this.#flight !== undefined || this.#state === 'ended' || !this.#hasGathered()) return;
    const { segments, slabs, bytes } = this.#sink!.take();
    this.#flight = {
      segments,
      slabs,
      bytes,
      messages: this.#messages,
      waiters: this.#waiters,
      next: 0,
      left: bytes,
      writing: 0,
    };
    this.#messages = 0;
    this.#waiters = undefined;
    if (bytes === 0)
      this.#landed(this.#flight); // messages without a byte
    else this.#write(this.#flight);
  }

  /** INVARIANT: bounded-memory. */
  #isFull(): boolean {
    return this.bufferedBytes >= this.#node.config.outboundQueueBytes;
  }

  #hasGathered(): boolean {
    return this.#messages > 0;
  }

  #encode(message: unknown): void {
    if (this.#encoding) throw new PeerError('P2P_ERR_ENCODE_FAILED', 'an encoder sent a message of its own');
    this.#encoding = true;
    const sink = (this.#sink ??= new SlabSink(this.#node.slabs));
    try {
      encodeMessage(this.#encoder, message, sink);
    } finally {
      this.#encoding = false;
    }
    this.#queued(message, sink);
  }

  #queued(message: unknown, sink: SlabSink): void {
    this.#node.budget.add(sink.commit());
    this.#messages++;
    if (diagnostics.messageSent.hasSubscribers) {
      const { name } = this.#node.config;
      diagnostics.messageSent.publish({ node: name, connection: this.#connection, message });
    }
  }

  /** Has what was gathered go out: at the end of the tick, or now if it fills a write. */
  #sendOff(): void {
    if (this.#flight !== undefined) return; // its end does it
    if (this.#sink!.bytes >= WRITE_BYTES) {
      this.flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(flushWriter, this);
    }
  }

  /** Hands the next part of the flight to the stream. */
  #write(flight: Flight): void {
    const { segments } = flight;
    const first = flight.next;
    let size = 0;
    while (flight.next < segments.length && size < WRITE_BYTES) {
      const segment = segments[flight.next]!;
      const room = WRITE_BYTES - size;
      if (segment.length > room) {
        // A payload too large for one write: its rest is a segment of its own.
        segments.splice(flight.next, 1, segment.subarray(0, room), segment.subarray(room));
      }
      size += segments[flight.next]!.length;
      flight.next++;
    }
    flight.writing = size;
    const last = flight.next - 1;
    const onWritten = (this.#onWritten ??= (error) => this.#wrote(error));
    if (first === last) {
      this.#stream.write(segments[last], onWritten);
      return;
    }
    this.#stream.cork();
    for (let index = first; index < last; index++) this.#stream.write(segments[index]);
    this.#stream.write(segments[last], onWritten);
    this.#stream.uncork();
  }

  #wrote(error?: Error | null): void {
    const flight = this.#flight;
    if (flight === undefined) return; // ended meanwhile
    if (error !== undefined && error !== null) {
      this.#connection.end({ origin: 'writing', cause: 'stream-error', error });
      this.end();
      return;
    }
    this.#progress++;
    flight.left -= flight.writing;
    this.#node.budget.add(-flight.writing);
    if (flight.next < flight.segments.length) this.#write(flight);
    else this.#landed(flight);
    this.#relieve();
  }

  /** The operating system has all of the flight. */
  #landed(flight: Flight): void {
    this.#flight = undefined;
    this.#count(this.#connection.stats, flight);
    this.#count(this.#node.traffic, flight);
    if (this.#connection.recyclesWrites) {
      for (const slab of flight.slabs) this.#node.slabs.giveBack(slab);
    }
    if (this.#hasGathered()) this.flush();
    else this.#finished?.resolve();
    if (flight.waiters !== undefined) for (const waiter of flight.waiters) waiter.resolve();
  }

  /** Tells who waits for room, if there is some. */
  #relieve(): void {
    if (this.#drains === undefined || this.#isFull()) return;
    const drains = this.#drains;
    this.#drains = undefined;
    for (const waiter of drains) waiter.resolve();
  }

  #count(traffic: { messagesSent: number; bytesSent: number }, flight: Flight): void {
    traffic.messagesSent += flight.messages;
    traffic.bytesSent += flight.bytes;
  }

  #queueFull(): PeerError {
    const { outboundQueueBytes } = this.#node.config;
    return new PeerError(
      'P2P_ERR_QUEUE_FULL',
      `${this.bufferedBytes} bytes wait for ${this.#connection.address}, the limit is ${outboundQueueBytes}`,
    );
  }
}

function flushWriter(writer: Writer): void {
  writer.flush();
}

function aborted(signal: AbortSignal): PeerError {
  return new PeerError('P2P_ERR_ABORTED', 'the wait was aborted', { cause: signal.reason });
}

function rejectOnAbort(waiter: Deferred, signal: AbortSignal): void {
  const onAbort = (): void => waiter.reject(aborted(signal));
  signal.addEventListener('abort', onAbort);
  const settled = (): void => signal.removeEventListener('abort', onAbort);
  waiter.promise.then(settled, settled);
}
