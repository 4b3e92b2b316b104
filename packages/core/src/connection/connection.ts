import type { Duplex } from 'node:stream';
import type { CodecContext } from '../contracts/codec.js';
import type { ConnectionContext } from '../contracts/connection-context.js';
import type { ConnectionState, Direction, DisconnectReason, Hold } from '../contracts/connection.js';
import { disconnected, sentAfterEnd, userReason } from '../contracts/connection.js';
import { identityIn, shownIdentity } from '../contracts/identity.js';
import { describeBy } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { Link, WriteTraits } from '../contracts/transport.js';
import type { ChunkQueue } from '../mechanisms/byte-queue.js';
import type { Sweepable } from '../mechanisms/sweeper.js';
import { defer, rejected, type Deferred } from '../authoring/deferred.js';
import { requireAtOnce } from '../authoring/thenable.js';
import { Traffic } from '../mechanisms/traffic.js';
import type { Slot } from './connection-table.js';
import { HalfClose } from './half-close.js';
import { Holds } from './holds.js';
import type { LiveLimits } from './live-limits.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import { PullLoop } from './pulls.js';
import { Reader } from './reader.js';
import { Writer } from './writer.js';

/** Ids are unique in the process, so that a connection is never taken for its successor at the same address. */
let lastId = 0;

/** What a finished setup hands over. */
export interface ConnectionParts {
  readonly link: Link;
  /** The stream to talk over: the link's own, or what the handshake put on top of it. */
  readonly stream: Duplex;
  /** How `stream` takes what is written to it. */
  readonly writes: WriteTraits;
  readonly direction: Direction;
  /** Whether bytes may have been written to the link before. */
  readonly hasSpoken: boolean;
  readonly context: ConnectionContext;
  readonly limits: LiveLimits;
  /** Bytes that arrived after the handshake. */
  readonly received: ChunkQueue;
  readonly slot: Slot<PeerConnection>;
  readonly disconnect: Disconnect;
}

/** Tears a connection down: true for the call that began it, when it is done; false at once for any other. */
export type Disconnect = (connection: PeerConnection, reason: DisconnectReason) => Promise<boolean>;

/** A teardown that was claimed: why, and what of it had to be abandoned, if anything. */
export interface Teardown {
  readonly reason: DisconnectReason;
  /** Ends the waiting for hook and flush. */
  cut(): void;
  /** Resolves when the connection is closed. */
  readonly done: Promise<TeardownOutcome>;
}

export type TeardownOutcome = 'complete' | 'hook-abandoned' | 'flush-abandoned';

/** A connection from activation to the end. */
export class PeerConnection implements InnerConnection, Sweepable {
  static {
    describeBy((value) => (#node in value ? PeerConnection.#line(value) : undefined));
  }

  readonly id = ++lastId;
  readonly direction: Direction;
  readonly stats: Traffic;
  readonly context: ConnectionContext;
  readonly limits: LiveLimits;
  readonly link: Link;
  readonly stream: Duplex;
  readonly slot: Slot<PeerConnection>;
  readonly reader: Reader;
  readonly writer: Writer;
  state: ConnectionState = 'open';
  /** How many layers of hooks were told of it: all, where there is nothing to tell. */
  layersReached = Infinity;
  /** Set once, by the teardown that claimed the connection. */
  teardown: Teardown | undefined;
  readonly #node: NodeContext;
  readonly #received: ChunkQueue;
  readonly #spokeBefore: boolean;
  readonly #disconnect: Disconnect;
  #abort: AbortController | undefined;
  #closed: Deferred<DisconnectReason> | undefined;
  /** Made with the first hold. */
  #holds: Holds | undefined;
  /** Made with the first half that ends before the other. */
  #halves: HalfClose | undefined;

  /** @throws what the codec throws */
  constructor(node: NodeContext, parts: ConnectionParts) {
    const { link, stream, direction, context, limits, received, slot } = parts;
    this.#node = node;
    this.#received = received;
    this.#disconnect = parts.disconnect;
    this.#spokeBefore = parts.hasSpoken;
    this.direction = direction;
    this.context = context;
    this.limits = limits;
    this.link = link;
    this.stream = stream;
    this.slot = slot;
    this.stats = new Traffic(node.clock);
    const codecContext: CodecContext = { direction, address: link.address, context, limits };
    const { codec } = node.config;
    const decoder = requireAtOnce('`codec.decoder`', codec.decoder(codecContext));
    this.reader = new Reader(node, this, stream, received, decoder);
    const encoder = requireAtOnce('`codec.encoder`', codec.encoder(codecContext));
    this.writer = new Writer(node, this, stream, parts.writes, encoder);
    limits.tell(this);
  }

  get address(): SocketAddress {
    return this.link.address;
  }

  get localAddress(): SocketAddress {
    return this.link.localAddress;
  }

  get identity(): string | undefined {
    return identityIn(this.context);
  }

  toString(): string {
    return PeerConnection.#line(this);
  }

  /** Whether bytes may be on their way to the peer. */
  get hasSpoken(): boolean {
    return this.#spokeBefore || this.stats.bytesSent > 0;
  }

  get bufferedBytes(): number {
    return this.writer.bufferedBytes;
  }

  get heldBytes(): number {
    return this.reader.account.bytes + this.bufferedBytes;
  }

  get waitingBytes(): number {
    return this.#received.length;
  }

  get isHeldBack(): boolean {
    return this.state === 'open' && !this.peerHasEnded && this.stream.isPaused();
  }

  get hasEnded(): boolean {
    return this.#halves?.hasEnded === true;
  }

  get peerHasEnded(): boolean {
    return this.reader.ending !== undefined && isEnd(this.reader.ending);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.teardown !== undefined) this.#abort.abort(this.teardown.reason);
    }
    return this.#abort.signal;
  }

  get closed(): Promise<DisconnectReason> {
    if (this.#closed === undefined) {
      this.#closed = defer();
      if (this.state === 'closed') this.#closed.resolve(this.teardown!.reason);
    }
    return this.#closed.promise;
  }

  /** Whether work is under way that an end in order waits for. INVARIANT: work-ends-first. */
  get isHeld(): boolean {
    return this.#holds?.isHeld === true;
  }

  /** Resolves when no work is under way, or the connection ends for another reason. */
  get freed(): Promise<void> {
    return this.#holds?.freed ?? Promise.resolve();
  }

  hold(): Hold {
    this.#holds ??= new Holds(() => this.reader.onFree());
    return this.#holds.take();
  }

  send(message: unknown, options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.writer.send(message, options?.signal);
  }

  trySend(message: unknown): boolean {
    return this.writer.trySend(message);
  }

  drained(): Promise<void> {
    return this.writer.drained();
  }

  next(options: { readonly signal?: AbortSignal } = {}): Promise<unknown> {
    try {
      return this.reader.pulls.next(options.signal);
    } catch (error) {
      return rejected(error);
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    return new PullLoop(this.reader.pulls);
  }

  end(): Promise<void> {
    return this.#halfClose.end();
  }

  get #halfClose(): HalfClose {
    return (this.#halves ??= new HalfClose(this.#node, this, () => this.reader.onFree()));
  }

  disconnect(why?: string | PeerError): Promise<boolean> {
    return this.#disconnect(this, userReason(why));
  }

  endFor(reason: DisconnectReason): void {
    void this.#disconnect(this, reason);
  }

  mayEndFor(reason: DisconnectReason): boolean {
    return !isEnd(reason) || this.#halfClose.mayEnd();
  }

  writingFailed(error: unknown): void {
    // After a bad frame the reader ends the connection with that as its cause: this error is only its consequence.
    if (!this.reader.hasFrameError) this.endFor({ origin: 'writing', cause: 'stream-error', error });
  }

  /** INVARIANT: one-teardown. Undefined when another cause came first; else what `begin` returned. */
  claimTeardown(begin: () => Teardown): Teardown | undefined {
    if (this.teardown !== undefined) return undefined;
    this.teardown = begin();
    this.state = 'closing';
    this.#holds?.end();
    return this.teardown;
  }

  /** Tells those who hold the signal that the connection is ending: in the turn in which `state` says so. */
  abortSignal(): void {
    this.#abort?.abort(this.teardown?.reason);
  }

  /** The end of the teardown. */
  close(): void {
    this.state = 'closed';
    this.#closed?.resolve(this.teardown!.reason);
  }

  sendError(): PeerError {
    if (this.teardown !== undefined || !this.hasEnded) return this.endError();
    return sentAfterEnd(this);
  }

  endError(): PeerError {
    const reason = this.teardown?.reason ?? this.reader.ending;
    if (reason?.origin === 'writing' && PeerError.is(reason.error, 'P2P_ERR_WRITE_TIMEOUT'))
      return reason.error;
    return disconnected(this, reason);
  }

  /** What waits may go on, if a queue has become longer. */
  limitsChanged(): void {
    this.reader.limitsChanged();
    this.writer.limitsChanged();
  }

  forgive(durationMs: number): void {
    this.reader.forgive(durationMs);
    this.writer.forgive(durationMs);
  }

  isOverdue(nowMs: number): boolean {
    this.reader.watchHandler(nowMs);
    return this.#findOverdue(nowMs, nowMs) !== undefined;
  }

  judge(nowMs: number, polledAtMs: number): void {
    const found = this.#findOverdue(nowMs, polledAtMs);
    if (found === 'idle') {
      // A peer that has gone waits for its last messages to be handled no longer than that, either.
      const ending = this.#node.config.halfOpen ? undefined : this.reader.ending;
      if (ending === undefined) this.#node.heuristics.idleTimeouts++;
      this.endFor(ending ?? { origin: 'reading', cause: 'idle-timeout' });
    } else if (found === 'frame-over-budget') {
      this.#endForBudget('reading', 'the frame that it sends is not complete');
    } else if (found === 'queue-over-budget') {
      this.#endForBudget('writing', 'it has not taken what is queued for it');
    } else if (found === 'stalled') {
      this.#node.heuristics.writeTimeouts++;
      const error = new PeerError(
        'P2P_ERR_WRITE_TIMEOUT',
        `${this.address} took less than 256 KiB in ${this.limits.writeTimeoutMs} ms`,
      );
      this.endFor({ origin: 'writing', cause: 'timeout', error });
    }
  }

  /** The address is that of the table: the one of the link is read by code that is not ours. */
  static #line({ id, slot, direction, state, context }: PeerConnection): string {
    const identity = shownIdentity(context);
    const who = identity === undefined ? '' : `, identity ${identity}`;
    return `connection ${id} with ${slot.place.key} (${direction}, ${state}${who})`;
  }

  /** What the peer has been doing, or not doing, for too long, if anything. */
  #findOverdue(
    nowMs: number,
    polledAtMs: number,
  ): 'idle' | 'stalled' | 'frame-over-budget' | 'queue-over-budget' | undefined {
    if (this.state !== 'open') return undefined;
    const { reader, writer } = this;
    const { idleTimeoutMs, writeTimeoutMs } = this.limits;
    const { pressureTimeoutMs } = this.#node.config;
    if (idleTimeoutMs > 0 && reader.silentForMs(nowMs, polledAtMs, writer.flushedBytes) >= idleTimeoutMs)
      return 'idle';
    if (reader.pressedForMs(polledAtMs) >= pressureTimeoutMs) return 'frame-over-budget';
    if (writer.pressedForMs(nowMs, polledAtMs) >= pressureTimeoutMs) return 'queue-over-budget';
    return writer.stalledForMs(nowMs, polledAtMs) >= writeTimeoutMs ? 'stalled' : undefined;
  }

  /** INVARIANT: two-budgets. Who holds most pays first. */
  #endForBudget(origin: 'reading' | 'writing', what: string): void {
    const { heuristics, config } = this.#node;
    heuristics.pressureTimeouts++;
    const error = new PeerError(
      'P2P_ERR_OVER_BUDGET',
      `${this.address} holds more than its share of the memory for ${origin}, and in ${config.pressureTimeoutMs} ms ${what}`,
    );
    this.endFor({ origin, cause: 'over-budget', error });
    // What was queued is lost. It makes room now, so that those that hold less need not be ended, too.
    if (origin === 'writing') this.writer.end();
  }
}

/** Whether `reason` is the end of the peer's half, between two messages. */
function isEnd(reason: DisconnectReason): boolean {
  return reason.origin === 'reading' && reason.cause === 'ended';
}
