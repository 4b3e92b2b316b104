import type { Duplex } from 'node:stream';
import type { Codec } from '../contracts/codec.js';
import type { ConnectionContext } from '../contracts/connection-context.js';
import type { ConnectionState, DisconnectReason, Hold } from '../contracts/connection.js';
import type { Direction } from '../contracts/direction.js';
import type { Detached } from '../contracts/handshake.js';
import { disconnected, sentAfterEnd, userReason } from '../contracts/connection.js';
import { identityIn, shownIdentity } from '../contracts/identity.js';
import { describeBy } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { RenegotiateHook, RenegotiateOptions } from '../contracts/renegotiation.js';
import type { Link, WriteTraits } from '../contracts/transport.js';
import type { ChunkQueue } from '../mechanisms/byte-queue.js';
import type { Sweepable } from '../mechanisms/sweeper.js';
import { defer, rejected, type Deferred } from '../authoring/deferred.js';
import { Traffic } from '../mechanisms/traffic.js';
import type { Slot } from './connection-table.js';
import { beginCoding, type Coding } from './begin-coding.js';
import { Decoding } from './decoding.js';
import { HalfClose } from './half-close.js';
import type { LiveHandshake } from './handshake.js';
import { Holds } from './holds.js';
import { findOverdue, judge } from './judgement.js';
import type { LiveLimits } from './live-limits.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import { PullLoop } from './pulls.js';
import { Reader } from './reader.js';
import type { Aside, Renewal } from './renewal.js';
import { signalOf } from './signal-option.js';
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
  readonly flows: ConnectionFlows;
  /** What `connect` was given. */
  readonly dialled: SocketAddress | undefined;
}

/** Tears a connection down: true for the call that began it, when it is done; false at once for any other. */
export type Disconnect = (connection: PeerConnection, reason: DisconnectReason) => Promise<boolean>;

/** What may become of a connection as a whole. */
export interface ConnectionFlows {
  readonly disconnect: Disconnect;
  /** See `Connection.renegotiate`. */
  readonly renegotiate: <T>(
    connection: PeerConnection,
    hook: RenegotiateHook<T>,
    options: RenegotiateOptions,
  ) => Promise<T>;
  /** See `Connection.detach`. */
  readonly detach: (connection: PeerConnection) => Promise<Detached>;
}

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
  /** The stream to talk over: the link's own, or what a handshake put on top of it. */
  stream: Duplex;
  /** How it takes what is written to it. */
  writes: WriteTraits;
  codec: Codec<unknown>;
  readonly dialled: SocketAddress | undefined;
  readonly slot: Slot<PeerConnection>;
  readonly reader: Reader;
  readonly writer: Writer;
  state: ConnectionState = 'open';
  /** How many layers of hooks were told of it: all, where there is nothing to tell. */
  layersReached = Infinity;
  /** Set once, by the teardown that claimed the connection. */
  teardown: Teardown | undefined;
  /** The handshake that the connection is for now. */
  handshake: Aside | undefined;
  /** Whether somebody took the stream in a handshake, and did not come to an end. */
  isStreamTaken = false;
  readonly #node: NodeContext;
  #spokeBefore: boolean;
  readonly #flows: ConnectionFlows;
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
    this.#flows = parts.flows;
    this.#spokeBefore = parts.hasSpoken;
    this.direction = direction;
    this.context = context;
    this.limits = limits;
    this.link = link;
    this.stream = stream;
    this.writes = parts.writes;
    this.dialled = parts.dialled;
    this.slot = slot;
    this.stats = new Traffic(node.clock);
    this.codec = node.config.codec;
    const { decoding, encoder } = this.beginCoding(this.codec, received);
    this.reader = new Reader(node, this, stream, decoding);
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

  /** Also in the middle of a handshake. */
  get topStream(): Duplex {
    return this.handshake?.stream ?? this.stream;
  }

  get bufferedBytes(): number {
    return this.writer.bufferedBytes;
  }

  get heldBytes(): number {
    return this.reader.account.bytes + this.bufferedBytes;
  }

  get waitingBytes(): number {
    return this.reader.decoding.queue.length;
  }

  get isHeldBack(): boolean {
    if (this.state !== 'open') return false;
    return this.isRenegotiating || (!this.peerHasEnded && this.stream.isPaused());
  }

  get hasEnded(): boolean {
    return this.#halves?.hasEnded === true;
  }

  get peerHasEnded(): boolean {
    const { ending } = this.reader.decoding;
    return ending !== undefined && isEnd(ending);
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
    try {
      return this.writer.send(message, signalOf('the options of send()', options));
    } catch (error) {
      return rejected(error);
    }
  }

  trySend(message: unknown): boolean {
    return this.writer.trySend(message);
  }

  drained(): Promise<void> {
    return this.writer.drained();
  }

  next(options?: { readonly signal?: AbortSignal }): Promise<unknown> {
    try {
      return this.reader.pulls.next(signalOf('the options of next()', options));
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
    return this.#flows.disconnect(this, userReason(why));
  }

  renegotiate<T>(hook: RenegotiateHook<T>, options: RenegotiateOptions = {}): Promise<T> {
    return this.#flows.renegotiate(this, hook, options);
  }

  detach(): Promise<Detached> {
    return this.#flows.detach(this);
  }

  get isRenegotiating(): boolean {
    return this.handshake !== undefined;
  }

  /** A decoder of `codec` for the bytes of `received`, and an encoder. @throws what the codec throws */
  beginCoding(codec: Codec<unknown>, received: ChunkQueue): Coding {
    const { direction, context, limits } = this;
    return beginCoding(codec, { direction, address: this.link.address, context, limits }, received);
  }

  /** A handshake has ended: messages go both ways again. */
  renew({ stream, writes, comesAgain, codec, decoding, encoder, hasSpoken }: Renewal): void {
    this.handshake = undefined;
    this.stream = stream;
    this.writes = writes;
    this.codec = codec;
    this.#spokeBefore ||= hasSpoken;
    this.writer.resume(stream, writes, encoder);
    this.reader.comesAgain = comesAgain;
    this.reader.resume(stream, decoding);
  }

  /** The connection ends in the middle of a handshake: what that had is to be ended, too, and nothing more is said. */
  leaveHandshake(handshake: LiveHandshake): void {
    handshake.letGo();
    this.handshake = undefined;
    this.isStreamTaken = handshake.isTaken;
    this.stream = handshake.stream;
    this.#spokeBefore ||= handshake.hasSpoken;
    const { decoder } = this.reader.decoding;
    this.reader.replace(handshake.stream, new Decoding(handshake.received, decoder));
    this.writer.silence();
  }

  endFor(reason: DisconnectReason): void {
    void this.#flows.disconnect(this, reason);
  }

  mayEndFor(reason: DisconnectReason): boolean {
    return !isEnd(reason) || this.#halfClose.mayEnd();
  }

  writingFailed(error: unknown): void {
    // After a bad frame the reader ends the connection with that as its cause: this error is only its consequence.
    if (!this.reader.decoding.hasFrameError) this.endFor({ origin: 'writing', cause: 'stream-error', error });
  }

  /** INVARIANT: one-teardown. Undefined when another cause came first; else what `begin` returned. */
  claimTeardown(begin: () => Teardown): Teardown | undefined {
    if (this.teardown !== undefined) return undefined;
    this.teardown = begin();
    this.state = 'closing';
    this.#holds?.end();
    this.handshake?.abandon();
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

  get endReason(): DisconnectReason | undefined {
    return this.teardown?.reason ?? this.reader.decoding.ending;
  }

  sendError(): PeerError {
    if (this.teardown !== undefined || !this.hasEnded) return this.endError();
    return sentAfterEnd(this);
  }

  endError(): PeerError {
    const reason = this.endReason;
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
    this.reader.heard.forgive(durationMs);
    this.writer.forgive(durationMs);
  }

  isOverdue(nowMs: number): boolean {
    this.reader.watchHandler(nowMs);
    return findOverdue(this.#node, this, nowMs, nowMs) !== undefined;
  }

  judge(nowMs: number, polledAtMs: number): void {
    judge(this.#node, this, nowMs, polledAtMs);
  }

  /** The address is that of the table: the one of the link is read by code that is not ours. */
  static #line({ id, slot, direction, state, context }: PeerConnection): string {
    const identity = shownIdentity(context);
    const who = identity === undefined ? '' : `, identity ${identity}`;
    return `connection ${id} with ${slot.place.key} (${direction}, ${state}${who})`;
  }
}

/** Whether `reason` is the end of the peer's half, between two messages. */
function isEnd(reason: DisconnectReason): boolean {
  return reason.origin === 'reading' && reason.cause === 'ended';
}
