import type { Duplex } from 'node:stream';
import type { Encoder } from '../contracts/codec.js';
import { diagnostics } from '../contracts/diagnostics.js';
import type { WriteTraits } from '../contracts/transport.js';
import type { BudgetAccount } from '../mechanisms/byte-budget.js';
import type { Batch } from '../mechanisms/batch.js';
import { SlabSink } from '../mechanisms/byte-sink.js';
import { defer, rejected, type Deferred } from '../authoring/deferred.js';
import { StallWatch } from '../mechanisms/stall-watch.js';
import { Drains } from './drains.js';
import { EarlyWrites } from './early-writes.js';
import { encodeMessage } from './encode.js';
import { countSent, WRITE_BYTES, writePart } from './flight.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import { PressureWatch } from './pressure-watch.js';
import { queueFull, refusedBy, rejectOnAbort, renegotiating, sentByEncoder } from './send-errors.js';

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
  #stream: Duplex;
  #writes: WriteTraits;
  #encoder: Encoder<unknown>;
  readonly #account: BudgetAccount;
  /** Made with the first message: an idle connection has none. */
  #sink: SlabSink | undefined;
  /** Made with the first write to a stream that may pass it on at once. */
  #early: EarlyWrites | undefined;
  /** Made with the first flight, and kept: what the stream calls back. */
  #onWritten: ((error?: Error | null) => void) | undefined;
  #state: 'open' | 'finishing' | 'ended' = 'open';
  /** The connection is a handshake for now: whoever sends is to wait, as for room. */
  #isSuspended = false;
  #encoding = false;
  #scheduled = false;
  /** The batch that is on its way to the operating system. */
  #flight: Batch | undefined;
  #messages = 0;
  #waiters: Deferred[] | undefined;
  /** Made with the first who waits for room. */
  #drains: Drains | undefined;
  /** A `trySend` found no room, and nobody has waited for some since. */
  #hasRefused = false;
  #finished: Deferred | undefined;
  /** Resolves once nothing is queued, and no callback of the stream is still to come. */
  #quiet: Deferred | undefined;
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

  /** Whether a message is being encoded, by whose encoder this is called then. */
  get isEncoding(): boolean {
    return this.#encoding;
  }

  get bufferedBytes(): number {
    return this.#account.bytes;
  }

  /** Messages that the operating system does not have yet. */
  get queuedMessages(): number {
    return this.#messages + (this.#flight?.messages ?? 0);
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
    const connection = this.#connection;
    const refusal = signal === undefined ? undefined : refusedBy(signal);
    if (refusal !== undefined) return rejected(refusal);
    if (this.#state !== 'open') return rejected(connection.sendError());
    if (this.#isFull()) {
      this.#node.refusals.refused(connection, message, true);
      const { outboundQueueBytes } = connection.limits;
      return rejected(
        this.#isSuspended ? renegotiating(connection) : queueFull(connection, outboundQueueBytes),
      );
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
    this.#drains ??= new Drains(this.#account, () => this.#isFull());
    return this.#drains.wait();
  }

  /**
   * Takes no messages until {@link resume}. Resolves when those that were queued are with the operating system, and the stream
   * has called back for all of them.
   */
  suspend(): Promise<void> {
    this.#isSuspended = true;
    this.#quiet = defer();
    this.flush();
    this.#settle();
    return this.#quiet.promise;
  }

  /** Takes messages again, which `encoder` makes bytes of, for `stream`. */
  resume(stream: Duplex, writes: WriteTraits, encoder: Encoder<unknown>): void {
    this.#stream = stream;
    this.#writes = writes;
    this.#encoder = encoder;
    this.#quiet = undefined;
    this.#isSuspended = false;
    this.#drains?.relieve();
  }

  /** Takes no more messages, not even last words: nobody knows what the peer would make of them. */
  silence(): void {
    this.#state = 'finishing';
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
    const waiters = [
      ...(this.#flight?.waiters ?? []),
      ...(this.#waiters ?? []),
      ...(this.#drains?.take() ?? []),
    ];
    // Slabs in flight may still be read by the stream: they are left to the garbage collector.
    this.#flight = undefined;
    this.#waiters = undefined;
    this.#sink?.clear();
    this.#finished?.resolve();
    this.#quiet?.resolve();
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
    if (this.#pressure === undefined && !(this.#node.outbound.isTight && this.#account.isOverShare)) return 0;
    this.#pressure ??= new PressureWatch(this.#account);
    return this.#pressure.pressedForMs(nowMs, polledAtMs, this.#flushedBytes);
  }

  /** Sends off what was gathered, unless a batch is in flight: its end does that. */
  flush(): void {
    this.#scheduled = false;
    if (this.#flight !== undefined || this.#state === 'ended' || !this.#hasGathered()) return;
    const flight = this.#sink!.take();
    flight.messages = this.#messages;
    flight.waiters = this.#waiters;
    this.#flight = flight;
    this.#messages = 0;
    this.#waiters = undefined;
    if (flight.bytes === 0)
      this.#landed(flight); // messages without a byte
    else this.#write(flight);
  }

  /** A limit of the connection is another one now: there may be room. */
  limitsChanged(): void {
    if (this.#state === 'open') this.#drains?.relieve();
  }

  /** INVARIANT: bounded-memory, two-budgets. */
  #isFull(): boolean {
    const { outboundQueueBytes } = this.#connection.limits;
    return this.bufferedBytes >= outboundQueueBytes || this.#account.isOverShare || this.#isSuspended;
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
      diagnostics.messageSent.publish({ ...this.#node.about, connection: this.#connection, message });
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
  #write(flight: Batch): void {
    do {
      try {
        const onWritten = (this.#onWritten ??= (error) => this.#wrote(error));
        writePart(flight, this.#stream, onWritten, this.#node, this.#connection);
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

  #hasPassedOn(size: number): boolean {
    // Where handlers run inside a write, to go on at once would be to go on inside them.
    if (!this.#writes.neverReenters) return false;
    this.#early ??= new EarlyWrites();
    return this.#early.add(size, this.#stream, this.#connection.limits.outboundQueueBytes);
  }

  #wrote(error?: Error | null): void {
    if (error !== undefined && error !== null) {
      this.#failed(error);
      return;
    }
    if (this.#early?.calledBack() === true) {
      this.#settle();
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
  #count(flight: Batch): void {
    this.#account.add(-flight.writing);
    this.#flushedBytes += flight.writing;
    this.#drains?.relieve();
  }

  /** The operating system has all of the flight. */
  #landed(flight: Batch): void {
    this.#flight = undefined;
    countSent(this.#connection.stats, flight);
    countSent(this.#node.traffic, flight);
    const { waiters } = flight;
    this.#node.slabs.giveBackBatch(flight, this.#writes.reusesBuffers);
    if (this.#hasGathered()) this.flush();
    else this.#finished?.resolve();
    this.#settle();
    if (waiters !== undefined) for (const waiter of waiters) waiter.resolve();
  }

  /** Tells who waits for nothing to be queued. */
  #settle(): void {
    if (this.#quiet === undefined || this.#flight !== undefined || this.#early?.areOpen === true) return;
    if (!this.#hasGathered()) this.#quiet.resolve();
  }
}

function flushWriter(writer: Writer): void {
  writer.flush();
}
