import type { Duplex } from 'node:stream';
import type { Encoder } from '../contracts/codec.js';
import { diagnostics } from '../contracts/diagnostics.js';
import type { WriteTraits } from '../contracts/transport.js';
import { PeerError } from '../errors/errors.js';
import type { BudgetAccount } from '../mechanisms/byte-budget.js';
import { SlabSink } from '../mechanisms/byte-sink.js';
import { defer, rejected, type Deferred } from '../authoring/deferred.js';
import { StallWatch } from '../mechanisms/stall-watch.js';
import { refusedBy, rejectOnAbort } from './abortable-send.js';
import { encodeMessage } from './encode.js';
import { countSent, WRITE_BYTES, writePart, type Flight } from './flight.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import { PressureWatch } from './pressure-watch.js';

/**
 * The outbound half of a connection: encoder, slabs, socket.
 *
 * ```text
 *   send, trySend -> #sink (gathers) -> #flight (being written) -> the operating system
 * ```
 *
 * What is gathered while a batch is in flight goes out as the next one. Where none is, a batch goes at the end of the
 * tick, or as soon as it fills a slab or, by reference, a write.
 */
export class Writer {
  readonly #node: NodeContext;
  readonly #connection: InnerConnection;
  readonly #stream: Duplex;
  readonly #writes: WriteTraits;
  readonly #encoder: Encoder<unknown>;
  readonly #account: BudgetAccount;
  /** Made with the first message: an idle connection has none. */
  #sink: SlabSink | undefined;
  /** Callbacks still to come for writes that the stream took at once: they are accounted for already, and ignored. */
  #early = 0;
  #earlyBytes = 0;
  /** Made with the first flight, and kept: what the stream calls back. */
  #onWritten: ((error?: Error | null) => void) | undefined;
  #state: 'open' | 'finishing' | 'ended' = 'open';
  #encoding = false;
  #scheduled = false;
  #flight: Flight | undefined;
  #messages = 0;
  #waiters: Deferred[] | undefined;
  #drains: Deferred[] | undefined;
  /** A `trySend` found no room, and nobody has waited for some since. */
  #hasRefused = false;
  #finished: Deferred | undefined;
  /** Made when the budget of the node first holds this connection back. */
  #onRelief: (() => void) | undefined;
  /** All that went to the operating system. */
  #flushedBytes = 0;
  /** Made when the budget of the node first holds this connection back. */
  #pressure: PressureWatch | undefined;
  /** Made when a flight is first looked at, and kept. */
  #stall: StallWatch | undefined;

  constructor(
    node: NodeContext,
    connection: InnerConnection,
    stream: Duplex,
    writes: WriteTraits,
    encoder: Encoder<unknown>,
  ) {
    this.#node = node;
    this.#connection = connection;
    this.#stream = stream;
    this.#writes = writes;
    this.#encoder = encoder;
    this.#account = node.outbound.account();
  }

  get bufferedBytes(): number {
    return this.#account.bytes;
  }

  /** `isLost`: where there is no room, nobody waits for some. */
  trySend(message: unknown, isLost?: boolean): boolean {
    if (this.#state !== 'open') return false;
    if (this.#isFull()) {
      const wasRefused = this.#hasRefused;
      // Who waits for room now does as is meant to be done; who tries again without does not.
      this.#hasRefused = true;
      this.#node.refusals.refused(this.#connection, message, isLost ?? wasRefused);
      return false;
    }
    this.#encode(message);
    this.#sendOff(this.#sink!);
    return true;
  }

  send(message: unknown, signal: AbortSignal | undefined): Promise<void> {
    const refusal = signal === undefined ? undefined : refusedBy(signal);
    if (refusal !== undefined) return rejected(refusal);
    if (this.#state !== 'open') return rejected(this.#connection.sendError());
    if (this.#isFull()) {
      this.#node.refusals.refused(this.#connection, message, true);
      return rejected(this.#queueFull());
    }
    try {
      this.#encode(message);
    } catch (error) {
      return rejected(error);
    }
    const waiter = defer();
    (this.#waiters ??= []).push(waiter);
    this.#sendOff(this.#sink!);
    if (signal !== undefined) rejectOnAbort(waiter, signal);
    return waiter.promise;
  }

  /** Queues bytes that were encoded once for many connections; as {@link trySend}. */
  trySendEncoded(message: unknown, bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return false;
    if (this.#isFull()) {
      this.#node.refusals.refused(this.#connection, message, true);
      return false;
    }
    if (this.#encoding) throw sentByEncoder();
    const sink = (this.#sink ??= new SlabSink(this.#node.slabs));
    sink.begin();
    sink.write(bytes);
    this.#queued(message, sink);
    this.#sendOff(this.#sink);
    return true;
  }

  drained(): Promise<void> {
    this.#hasRefused = false;
    if (this.#state !== 'open') return rejected(this.#connection.sendError());
    if (!this.#isFull()) return Promise.resolve();
    const waiter = defer();
    (this.#drains ??= []).push(waiter);
    this.#waitForBudget();
    return waiter.promise;
  }

  /** Whether what was queued is out, or lost. */
  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  /** All that went to the operating system, in bytes. */
  get flushedBytes(): number {
    return this.#flushedBytes;
  }

  /** Takes no more messages; what was queued goes out. */
  refuseMore(): void {
    if (this.#state === 'open') this.#state = 'finishing';
  }

  /**
   * Takes no more messages. Returns a promise for the moment when those that were queued are with the operating system, or lost;
   * undefined where none was.
   */
  finish(): Promise<void> | undefined {
    if (this.#state === 'ended') return undefined;
    this.refuseMore();
    if (this.#flight === undefined && !this.#hasGathered()) return undefined;
    this.#finished ??= defer();
    if (this.#flight === undefined) this.flush();
    return this.#finished.promise;
  }

  /** Whatever is still queued is lost; its promises reject. */
  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#account.bytes = 0;
    this.#account.leave();
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

  /** How long a write had been in flight when the sockets were served last; see {@link StallWatch}. */
  stalledForMs(nowMs: number, polledAtMs: number): number {
    if (this.#flight === undefined) {
      this.#stall?.rest();
      return 0;
    }
    return (this.#stall ??= new StallWatch()).stalledForMs(nowMs, polledAtMs, this.#flushedBytes);
  }

  /** The process stood still for that long. */
  forgive(durationMs: number): void {
    this.#stall?.forgive(durationMs);
    this.#pressure?.forgive(durationMs);
  }

  /** How long this connection has been above its share of a tight budget, without what it held then being taken. */
  pressedForMs(nowMs: number, polledAtMs: number): number {
    if (this.#pressure === undefined && !this.#account.isOverShare) return 0;
    this.#pressure ??= new PressureWatch(this.#account);
    return this.#pressure.pressedForMs(nowMs, polledAtMs, this.#flushedBytes);
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

  /** A limit of the connection is another one now: there may be room. */
  limitsChanged(): void {
    if (this.#state === 'open') this.#relieve();
  }

  /** INVARIANT: bounded-memory, two-budgets. */
  #isFull(): boolean {
    return this.bufferedBytes >= this.#connection.limits.outboundQueueBytes || this.#account.isOverShare;
  }

  #hasGathered(): boolean {
    return this.#messages > 0;
  }

  #encode(message: unknown): void {
    if (this.#encoding) throw sentByEncoder();
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
    this.#account.add(sink.commit());
    this.#messages++;
    if (diagnostics.messageSent.hasSubscribers) {
      const { name } = this.#node.config;
      diagnostics.messageSent.publish({ node: name, connection: this.#connection, message });
    }
  }

  /**
   * Has what was gathered go out: at the end of the tick, or now if it fills a write of a socket. Another stream may call
   * the peer in this process right away, which must not happen in the middle of a `trySend`.
   */
  #sendOff(sink: SlabSink): void {
    if (this.#flight !== undefined) return; // its end does it
    if ((sink.fillsSlab || sink.bytes >= WRITE_BYTES) && this.#writes.neverReenters) {
      this.flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(flushWriter, this);
    }
  }

  /** Hands the flight to the stream, part after part, as long as that passes each on at once. */
  #write(flight: Flight): void {
    do {
      try {
        writePart(flight, this.#stream, (this.#onWritten ??= (error) => this.#wrote(error)));
      } catch (error) {
        // A stream that somebody brought along, or a payload whose memory was given away since it was sent.
        this.#failed(error);
        return;
      }
      if (!this.#hasPassedOn(flight.writing)) return; // its callback goes on
      this.#count(flight);
    } while (flight.next < flight.segments.length);
    this.#landed(flight);
  }

  /**
   * Whether the operating system took all of a write at once, as sockets with room have it. Who sends in a loop then
   * fills the same slabs again, while the processor still has them at hand, instead of the whole queue.
   *
   * note: one queue's worth in a turn; beyond it the callback is waited for, or a peer that reads fast enough would keep
   * such a loop from ever ending.
   */
  #hasPassedOn(size: number): boolean {
    const stream = this.#stream;
    // Where handlers run inside a write, to go on at once would be to go on inside them.
    if (!this.#writes.neverReenters || stream.writableLength > 0) return false;
    // One that it refused counts as written, too, until its callback says so in a later turn.
    if (stream.destroyed || stream.errored !== null) return false;
    if (this.#earlyBytes + size > this.#connection.limits.outboundQueueBytes) return false;
    this.#early++;
    this.#earlyBytes += size;
    return true;
  }

  #wrote(error?: Error | null): void {
    if (error !== undefined && error !== null) {
      this.#failed(error);
      return;
    }
    if (this.#early > 0) {
      this.#early--;
      if (this.#early === 0) this.#earlyBytes = 0;
      return;
    }
    const flight = this.#flight;
    if (flight === undefined) return; // ended meanwhile
    this.#count(flight);
    if (flight.next < flight.segments.length) this.#write(flight);
    else this.#landed(flight);
  }

  #failed(error: unknown): void {
    if (this.#state === 'ended') return;
    this.#connection.writingFailed(error);
    this.end();
  }

  /** The operating system has the part that was written last. */
  #count(flight: Flight): void {
    flight.left -= flight.writing;
    this.#account.add(-flight.writing);
    this.#flushedBytes += flight.writing;
    this.#relieve();
  }

  /** The operating system has all of the flight. */
  #landed(flight: Flight): void {
    this.#flight = undefined;
    countSent(this.#connection.stats, flight);
    countSent(this.#node.traffic, flight);
    if (this.#writes.reusesBuffers) {
      for (const slab of flight.slabs) this.#node.slabs.giveBack(slab);
    }
    if (this.#hasGathered()) this.flush();
    else this.#finished?.resolve();
    if (flight.waiters !== undefined) for (const waiter of flight.waiters) waiter.resolve();
  }

  /** Tells who waits for room, if there is some. */
  #relieve(): void {
    if (this.#drains === undefined) return;
    if (this.#isFull()) {
      this.#waitForBudget();
      return;
    }
    const drains = this.#drains;
    this.#drains = undefined;
    for (const waiter of drains) waiter.resolve();
  }

  /** Those that wait for room may wait for other connections to make it. */
  #waitForBudget(): void {
    if (this.#account.isOverShare) this.#account.waitForRelief((this.#onRelief ??= () => this.#relieve()));
  }

  #queueFull(): PeerError {
    const { outboundQueueBytes } = this.#connection.limits;
    const limit =
      this.bufferedBytes >= outboundQueueBytes
        ? `the limit is ${outboundQueueBytes} (\`outboundQueueBytes\`)`
        : 'more than its share of `maxBufferedBytes`, which is nearly used up';
    return new PeerError(
      'P2P_ERR_QUEUE_FULL',
      `${this.bufferedBytes} bytes wait for ${this.#connection.address}, ${limit}`,
    );
  }
}

function flushWriter(writer: Writer): void {
  writer.flush();
}

function sentByEncoder(): PeerError {
  return new PeerError('P2P_ERR_ENCODE_FAILED', 'an encoder sent a message of its own');
}
