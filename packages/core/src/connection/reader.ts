import type { Duplex } from 'node:stream';
import { NEED_MORE } from '../contracts/codec.js';
import { diagnostics } from '../contracts/diagnostics.js';
import { PeerError } from '../errors/errors.js';
import type { ChunkQueue } from '../mechanisms/byte-queue.js';
import { Slice, type TurnTaker } from '../mechanisms/fair-turns.js';
import { ProgressWatch } from '../mechanisms/progress-watch.js';
import type { SeatedAccount } from '../mechanisms/seated-budget.js';
import { FRAME_ERRORS } from './check-message.js';
import type { Decoding } from './decoding.js';
import { setFlowing } from './foreign-stream.js';
import { HandlerWatch } from './handler-watch.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import { MessageHooks, receiverOf } from './message-hooks.js';
import { requirePulls, type Pulls } from './pulls.js';
import type { MessageSource, Receiver } from './receiver.js';
import { countReceived } from './show-bytes.js';
import { listenTo, stopListening, type StreamListener } from './stream-events.js';

/**
 * The inbound half of a connection: socket, decoder, receiver.
 *
 * ```text
 *   'data' -> queue of bytes -> decode -> receiver: the hooks, or whoever asks for the next message
 *                       `- stays while the receiver is busy, or others have their turn
 * ```
 *
 * A message is decoded when its receiver can have it: what waits is bytes, and counts as such. INVARIANT: decoded-late.
 * The socket is paused while `inboundQueueBytes` wait, or the node holds too many bytes and most of them here.
 */
export class Reader implements TurnTaker, StreamListener, MessageSource {
  readonly #node: NodeContext;
  readonly #connection: InnerConnection;
  #stream: Duplex;
  #decoding: Decoding;
  readonly account: SeatedAccount;
  readonly #slice: Slice;
  readonly receiver: Receiver;
  #hasStarted = false;
  /** The end of the peer ended the connection, and what it had sent can still be asked for. */
  #keepsRest = false;
  #stopped = false;
  /** Nothing is read and decoded: it has stopped, or the connection is a handshake for now. */
  #halted = false;
  #pumping = false;
  /** The receiver takes no message now: the promise of a handler is pending, or nobody has asked for the next. */
  #handling: boolean;
  /** Others have their turn; this goes on in the next one. */
  #yielded = false;
  /** Made when the budget of the node first holds this connection back. */
  #askAgain: (() => void) | undefined;
  /** For idleness. */
  readonly heard: ProgressWatch;
  /** Made with the first handler that keeps messages waiting. */
  #handlerWatch: HandlerWatch | undefined;
  /** Called when a handler is done, before the next message. */
  whenHandled: (() => void) | undefined;
  /** How many bytes of the stream were counted before a renegotiation put them back. */
  comesAgain = 0;
  /** How many reads of renegotiations were served. */
  handshakeReads = 0;

  constructor(node: NodeContext, connection: InnerConnection, stream: Duplex, decoding: Decoding) {
    this.#node = node;
    this.#connection = connection;
    this.#stream = stream;
    this.#decoding = decoding;
    this.account = node.inbound.account();
    this.#slice = new Slice(node.turns);
    this.heard = new ProgressWatch(node.clock.now());
    this.receiver = receiverOf(node, connection, this);
    this.#handling = this.receiver.isBusyAtFirst;
  }

  /** What makes messages of the bytes, for now. */
  get decoding(): Decoding {
    return this.#decoding;
  }

  /** Begins to read; what arrived after the handshake comes first. */
  start(): void {
    this.#hasStarted = true;
    const { queue } = this.#decoding;
    if (queue.length > 0) this.received(queue.peekBytes(0, queue.length));
    if (!this.#halted) this.#begin();
  }

  /**
   * Stops after the last message that was decoded, until {@link resume}: for a handshake, which goes on with the bytes that it
   * returns.
   */
  suspend(): ChunkQueue {
    this.#halted = true;
    if (this.#hasStarted) stopListening(this.#stream);
    setFlowing(this.#stream, false);
    this.account.leave();
    this.#decoding.queue.keepAll(); // a handshake returns views of it
    return this.#decoding.queue;
  }

  /** Reads on from `stream`, once the bytes of `decoding` are decoded. */
  resume(stream: Duplex, decoding: Decoding): void {
    this.replace(stream, decoding);
    this.#halted = false;
    this.account.leave();
    this.#takeUp();
    this.#begin();
  }

  /** `stream`, and the bytes of `decoding`, are what it stops with, or resumes with. */
  replace(stream: Duplex, decoding: Decoding): void {
    this.#stream = stream;
    this.#decoding = decoding;
  }

  #begin(): void {
    try {
      this.#start(this.#stream);
    } catch (error) {
      this.#connection.endFor({ origin: 'reading', cause: 'stream-error', error }); // somebody brought that stream along
    }
  }

  #start(stream: Duplex): void {
    this.#decoding.readFrom(stream, this.receiver instanceof MessageHooks && this.#pausesWhenFull);
    listenTo(stream, this);
    if (this.#decoding.queue.length > 0 || this.#decoding.mayHold) {
      this.#slice.begin(this.#connection.stats.messagesReceived);
      this.#pump();
    }
    if (this.#halted) return;
    // Events of a stream that ended during the handshake do not come again.
    if (stream.destroyed) this.onClose(stream.errored ?? undefined);
    else if (stream.readableEnded) this.onEnd();
    else this.#flow();
  }

  /** Stops for good. Bytes that were not handled are dropped, and counted. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#halted = true;
    stopListening(this.#stream);
    setFlowing(this.#stream, false);
    if (!this.#keepsRest) {
      this.#node.heuristics.droppedBytes += this.#decoding.queue.length;
      this.#decoding.queue.clear();
    }
    this.account.bytes = 0;
    this.account.leave();
    this.receiver.stop();
  }

  /** For those who ask for messages. @throws {PeerError} P2P_ERR_NOT_PULLED */
  get pulls(): Pulls {
    return requirePulls(this.receiver, this.#node);
  }

  /**
   * How long the peer had been silent when the sockets were served last, at `polledAtMs`. Waiting for our own handler or
   * work does not count as silence, unless the peer has ended; nor do messages that wait for the next turn. A peer that the
   * budget of the node holds back counts as silent: its unfinished frame fills that budget.
   *
   * note: until somebody asks for the first message, bytes count. After the end of the peer, what it takes of what we send
   * counts, too: `flushedBytes`.
   */
  silentForMs(nowMs: number, polledAtMs: number, flushedBytes: number): number {
    const { messagesReceived, bytesReceived } = this.#connection.stats;
    const received = this.receiver.countsBytes ? bytesReceived : messagesReceived;
    const count = received + (this.#decoding.ending === undefined ? 0 : 1 + flushedBytes);
    const isHandled = this.#handling && this.receiver.isBusyWith(this.#decoding.queue.length);
    const isWaitedFor = (isHandled || this.#connection.isHeld) && this.#decoding.ending === undefined;
    const heldBack = isWaitedFor || this.#yielded || this.#halted;
    return polledAtMs - this.heard.movedAtMs(nowMs, count, heldBack);
  }

  /** How long this connection has held too much of a tight budget, and its peer has not completed the frame. */
  pressedForMs(polledAtMs: number): number {
    if (!this.#node.inbound.isTight) return 0; // asked of every connection in every sweep: what it holds does not matter
    return this.account.pressedForMs(this.completed, polledAtMs);
  }

  /** Tells of a handler that keeps messages of its connection waiting for long. */
  watchHandler(nowMs: number): void {
    if (this.#handling) this.#decoding.queue.keepSpent(); // what waits to be freed counts in no limit
    const isWatched = this.#handling && !this.#halted && this.receiver instanceof MessageHooks;
    const waitingBytes = isWatched ? this.#decoding.queue.length : 0;
    if (waitingBytes === 0 && this.#handlerWatch === undefined) return;
    this.#handlerWatch ??= new HandlerWatch();
    this.#handlerWatch.look(this.#node, this.#connection, waitingBytes, nowMs);
  }

  onData(chunk: Buffer): void {
    const fresh = this.comesAgain === 0 ? chunk : chunk.subarray(this.comesAgain);
    this.comesAgain -= chunk.length - fresh.length;
    this.received(fresh);
    this.#decoding.push(chunk);
    if (!this.#yielded) this.#slice.begin(this.#connection.stats.messagesReceived);
    this.#pump();
  }

  onEnd(): void {
    this.#decoding.ending ??= { origin: 'reading', cause: 'ended' };
    this.#pump();
  }

  onError(error: Error): void {
    if (!PeerError.is(error) || !FRAME_ERRORS.has(error.code)) {
      this.#connection.endFor({ origin: 'reading', cause: 'stream-error', error });
      return;
    }
    // A stream that a handshake put on top has frames of its own. What came before a bad one is handled, as with ours.
    if (!this.#decoding.isOver) this.#decoding.ending = { origin: 'reading', cause: 'invalid-frame', error };
    this.#pump();
  }

  /** What may have kept the connection from ending does so no more. */
  onFree(): void {
    if (this.#decoding.ending !== undefined) this.#pump();
  }

  /** A limit of the connection is another one now. */
  limitsChanged(): void {
    if (this.#hasStarted && !this.#halted) this.#pump();
  }

  onClose(error?: Error): void {
    if (this.#stopped) return;
    if (this.#decoding.ending === undefined)
      this.onError(error ?? new Error('the stream was closed before it ended'));
    else this.#pump(); // what work would send goes nowhere: it is not waited for
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  goOn(): void {
    this.#handling = false;
    this.whenHandled?.();
    if (this.#halted || !this.#hasStarted) return;
    this.#takeUp();
    this.#pump();
  }

  /** Goes on with what waits, perhaps in the turn in which it stopped, or in the next one. INVARIANT: fair-turns. */
  #takeUp(): void {
    if (this.#decoding.queue.length === 0 && !this.#decoding.mayHold) return;
    const slice = this.#slice;
    const count = this.#connection.stats.messagesReceived;
    slice.beginMarked(count);
    if (!this.#yielded && count >= slice.checkAt && slice.isSpent(count)) this.#yield();
  }

  takeRest(): unknown {
    const message = this.#keepsRest && !this.#decoding.isOver ? this.#decoding.next() : NEED_MORE;
    if (message === NEED_MORE) return message;
    this.#connection.stats.messagesReceived++;
    this.#node.traffic.messagesReceived++;
    this.#publish(message);
    return message;
  }

  wait(): void {
    this.#handling = true;
    if (this.#hasStarted && !this.#halted) this.#pump();
  }

  takeTurn(): void {
    this.#yielded = false;
    if (this.#halted) return;
    this.#slice.begin(this.#connection.stats.messagesReceived);
    this.#pump();
  }

  /** `bytes` came from the stream: counts them, and shows them to those who watch. */
  received(bytes: Uint8Array): void {
    countReceived(this.#node, this.#connection, bytes);
  }

  /** What budgets take for progress: messages, and reads of handshakes. */
  get completed(): number {
    return this.#connection.stats.messagesReceived + this.handshakeReads;
  }

  /** Moves messages from the queue to the handler as far as possible. */
  #pump(): void {
    if (this.#pumping) return; // called from inside a handler: the loop below goes on by itself
    this.#pumping = true;
    if (this.#canHandle) this.#decodeAndDeliver();
    if (!this.#handling) this.#decoding.handled();
    const isWaiting = this.#handling && !this.#yielded && !this.#halted;
    if (isWaiting && !this.#pausesWhenFull) this.#dropSurplus();
    this.#pumping = false;
    if (this.#halted) return;
    this.account.bytes = this.#decoding.queue.length; // INVARIANT: bounded-memory
    const isOver = this.#isDone && this.#connection.mayEndFor(this.#decoding.ending!);
    if (this.#stopped) return; // a hook may have ended it
    if (isOver) {
      this.#keepsRest = !this.#decoding.isOver;
      this.#connection.endFor(this.#decoding.ending!);
      return;
    }
    if (this.#decoding.isOver) this.receiver.end();
    this.#flow();
  }

  /** Whether the peer has ended, and nobody works on what it sent, nor will before somebody asks for more. */
  get #isDone(): boolean {
    const { isOver, ending } = this.#decoding;
    return (isOver || (ending !== undefined && this.#handling)) && !this.receiver.isWorking;
  }

  /** Whether the next message has a handler that is free. */
  get #canHandle(): boolean {
    return !this.#handling && !this.#yielded && !this.#halted && !this.#decoding.isOver;
  }

  /** Message after message, until there is none, a handler returns a promise, or it is the turn of others. */
  #decodeAndDeliver(): void {
    const slice = this.#slice;
    const { stats } = this.#connection;
    const { traffic } = this.#node;
    this.receiver.begin();
    do {
      const message = this.#decoding.next();
      // A codec may have ended the connection: a schema that bans, for one.
      if (message === NEED_MORE || this.#stopped) return;
      const count = ++stats.messagesReceived;
      traffic.messagesReceived++;
      this.#deliver(message);
      // What a promise still costs is known once it has settled: `goOn` looks then.
      if (this.#handling || this.#halted) return;
      if (count >= slice.checkAt && slice.isSpent(count)) {
        this.#yield();
        return;
      }
    } while (!this.#halted);
  }

  /** INVARIANT: fair-turns. */
  #yield(): void {
    this.#yielded = true;
    this.#node.turns.wait(this);
  }

  /** While a handler is busy the oldest messages make room for the newest: work as any other. INVARIANT: fair-turns. */
  #dropSurplus(): void {
    const slice = this.#slice;
    while (this.#isFull && !this.#decoding.isOver) {
      if (this.#decoding.next() === NEED_MORE) return;
      const count = ++this.#connection.stats.messagesReceived;
      this.#node.traffic.messagesReceived++;
      this.#node.dropped(this.#connection);
      if (count >= slice.checkAt && slice.isSpent(count)) {
        this.#yield();
        return;
      }
    }
  }

  #deliver(message: unknown): void {
    this.#publish(message);
    if (!this.#stopped) this.#handling = this.receiver.take(message); // a subscriber may have ended it
  }

  #publish(message: unknown): void {
    if (!diagnostics.messageReceived.hasSubscribers) return;
    const connection = this.#connection;
    diagnostics.messageReceived.publish({ ...this.#node.about, connection, message });
  }

  get #isFull(): boolean {
    return this.#decoding.queue.length >= this.#connection.limits.inboundQueueBytes;
  }

  get #pausesWhenFull(): boolean {
    return this.#node.config.whenInboundFull === 'pause';
  }

  /** Pauses or resumes the stream, as the queues say. */
  #flow(): void {
    const isBusy = this.#handling || this.#yielded;
    const pausesWhenFull = this.#yielded || this.#pausesWhenFull;
    // Who is busy needs no more for now, and takes no seat from those whose frames are unfinished.
    const hasEnough = isBusy && ((pausesWhenFull && this.#isFull) || this.account.isOverShare);
    const wantsMore = !this.#decoding.isOver && !hasEnough;
    if (!wantsMore) this.account.leave();
    const error = setFlowing(this.#stream, wantsMore && this.#mayGrow());
    if (error !== undefined) this.onError(error);
  }

  #mayGrow(): boolean {
    const account = this.account;
    if (this.#askAgain === undefined && !account.isOverShare) return true;
    this.#askAgain ??= () => this.#flow();
    return account.mayGrow(this.completed, this.#askAgain);
  }
}
