import type { Duplex } from 'node:stream';
import { NEED_MORE, type Decoder } from '../contracts/codec.js';
import type { DisconnectReason } from '../contracts/connection.js';
import { diagnostics } from '../contracts/diagnostics.js';
import { PeerError, type PeerErrorCode } from '../contracts/errors.js';
import type { ChunkQueue } from '../mechanisms/byte-queue.js';
import { isPromise } from '../mechanisms/hook-chain.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';

const kReader = Symbol('pea2pea.reader');
type ReadStream = Duplex & { [kReader]?: Reader };

const FRAME_ERRORS: ReadonlySet<PeerErrorCode> = new Set([
  'P2P_ERR_INVALID_FRAME',
  'P2P_ERR_FRAME_TOO_LARGE',
  'P2P_ERR_TRUNCATED_FRAME',
]);

/** A message that waits for the handler of the one before it. */
interface Waiting {
  readonly message: unknown;
  readonly bytes: number;
}

/** What is told of the promise of a handler. */
interface Settle {
  readonly handled: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The inbound half of a connection: socket, decoder, handler.
 *
 * ```text
 *   'data' -> #queue -> decode -> handler            while handlers answer no promise
 *                          `----> #inbox -> handler  while one is pending, one at a time, in order
 * ```
 *
 * The socket is paused while the inbox is full or the node holds too many bytes.
 */
export class Reader {
  readonly #node: NodeContext;
  readonly #connection: InnerConnection;
  readonly #stream: ReadStream;
  readonly #queue: ChunkQueue;
  readonly #decoder: Decoder<unknown>;
  #inbox: Waiting[] | undefined;
  #settle: Settle | undefined;
  #inboxBytes = 0;
  /** What the node's byte budget was told about this connection. */
  #accounted = 0;
  #stopped = false;
  #pumping = false;
  /** A handler's promise is pending. */
  #handling = false;
  #streamEnded = false;
  /** What the stream ended with, where it has frames of its own and the peer sent none. */
  #frameError: Error | undefined;
  /** Set when no more messages will come; teardown begins when those that came were handled. */
  #finalReason: DisconnectReason | undefined;
  /** Set while the budget of the node holds this connection back: ends that. */
  #onRelief: (() => void) | undefined;
  /** For idleness: the last sweep that saw something new, and what it saw. */
  #heardAtMs: number;
  #heardCount = 0;

  constructor(
    node: NodeContext,
    connection: InnerConnection,
    stream: Duplex,
    queue: ChunkQueue,
    decoder: Decoder<unknown>,
  ) {
    this.#node = node;
    this.#connection = connection;
    this.#stream = stream;
    this.#queue = queue;
    this.#decoder = decoder;
    this.#heardAtMs = node.clock.now();
  }

  /** Whether the decoder has messages already, before a byte was read here. */
  get holdsMessages(): boolean {
    return this.#decoder.holds?.() === true;
  }

  /** Begins to read; what arrived behind the handshake comes first. */
  start(): void {
    const stream = this.#stream;
    stream[kReader] = this;
    stream.on('data', streamOnData);
    stream.on('end', streamOnEnd);
    stream.on('error', streamOnError);
    stream.on('close', streamOnClose);
    if (this.#queue.length > 0) {
      this.#countBytes(this.#queue.length);
      if (this.#node.hooks.message === undefined) this.#queue.clear();
      this.#pump();
    }
    if (this.#stopped) return;
    // Events of a stream that ended during the handshake do not come again.
    if (stream.destroyed) this.onClose(stream.errored ?? undefined);
    else if (stream.readableEnded) this.onEnd();
    else this.#flow();
  }

  /** Stops for good. Messages that were not handled are dropped, and counted. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    const stream = this.#stream;
    stream.off('data', streamOnData);
    stream.off('end', streamOnEnd);
    stream.off('error', streamOnError);
    stream.off('close', streamOnClose);
    stream.pause();
    delete stream[kReader];
    if (this.#onRelief !== undefined) this.#node.budget.forget(this.#onRelief);
    this.#node.heuristics.droppedMessages += this.#inbox?.length ?? 0;
    this.#inbox = undefined;
    this.#inboxBytes = 0;
    this.#queue.clear();
    this.#account();
  }

  /**
   * How long the peer had been silent when the sockets were served last, at `polledAtMs`. One that waits for our own
   * handler is not, unless it has gone; nor is one that the budget of the node holds back, unless it is among those
   * that fill it with unfinished frames.
   */
  silentForMs(nowMs: number, polledAtMs: number): number {
    const { messagesReceived, bytesReceived } = this.#connection.stats;
    const count = this.#node.hooks.message === undefined ? bytesReceived : messagesReceived;
    const heldBack =
      (this.#handling && !this.#streamEnded) || (this.#onRelief !== undefined && this.#queue.length === 0);
    if (count !== this.#heardCount || heldBack) {
      this.#heardCount = count;
      this.#heardAtMs = nowMs;
    }
    return polledAtMs - this.#heardAtMs;
  }

  /** Whether the stream is over for a bad frame of its own, and the connection ends once what came before was handled. */
  get hasFrameError(): boolean {
    return this.#frameError !== undefined;
  }

  /** Why the connection will end once its messages were handled; undefined while more may come. */
  get endReason(): DisconnectReason | undefined {
    if (this.#finalReason !== undefined || !this.#streamEnded) return this.#finalReason;
    return this.#frameErrorReason() ?? { origin: 'reading', cause: 'ended' };
  }

  onData(chunk: Buffer): void {
    this.#countBytes(chunk.length);
    // Without a handler bytes are counted and let go, so that the end of the peer is still noticed.
    if (this.#node.hooks.message === undefined) return;
    this.#queue.push(chunk);
    this.#pump();
  }

  onEnd(): void {
    this.#streamEnded = true;
    this.#pump();
  }

  onError(error: Error): void {
    if (!PeerError.is(error) || !FRAME_ERRORS.has(error.code)) {
      this.#disconnect({ origin: 'reading', cause: 'stream-error', error });
      return;
    }
    // A stream that a handshake put on top has frames of its own. What came before a bad one is handled, as with ours.
    this.#frameError = error;
    this.onEnd();
  }

  onClose(error?: Error): void {
    if (this.#stopped || this.#streamEnded) return;
    this.onError(error ?? new Error('the stream was closed before it ended'));
  }

  #countBytes(size: number): void {
    this.#connection.stats.bytesReceived += size;
    this.#node.traffic.bytesReceived += size;
  }

  /** Moves messages from the queue to the handler as far as possible. */
  #pump(): void {
    if (this.#pumping) return; // called from inside a handler: the loop below goes on by itself
    this.#pumping = true;
    while (!this.#stopped && this.#step());
    this.#pumping = false;
    if (this.#stopped) return;
    this.#account();
    if (this.#finalReason !== undefined && !this.#handling && this.#inboxLength === 0) {
      this.#disconnect(this.#finalReason);
    } else {
      this.#flow();
    }
  }

  /** One message further; false when there is nothing to do until something happens. */
  #step(): boolean {
    if (!this.#handling && this.#inboxLength > 0) {
      const { message, bytes } = this.#inbox!.shift()!;
      this.#inboxBytes -= bytes;
      this.#deliver(message);
      return true;
    }
    if (this.#finalReason !== undefined) return false;
    return this.#handling ? this.#decodeAhead() : this.#decodeAndDeliver();
  }

  /** Message after message, as long as handlers answer no promise; false when there is none. */
  #decodeAndDeliver(): boolean {
    const { stats } = this.#connection;
    const { traffic } = this.#node;
    do {
      const message = this.#decode();
      if (message === NEED_MORE) return false;
      stats.messagesReceived++;
      traffic.messagesReceived++;
      this.#deliver(message);
    } while (!this.#handling && !this.#stopped);
    return true;
  }

  /** One message for the inbox, while a handler's promise is pending. */
  #decodeAhead(): boolean {
    if (this.#pausedByInbox()) return false;
    const before = this.#queue.length;
    const message = this.#decode();
    if (message === NEED_MORE) return false;
    this.#connection.stats.messagesReceived++;
    this.#node.traffic.messagesReceived++;
    if (this.#inboxLength < this.#node.config.inboundQueueMessages) {
      const bytes = before - this.#queue.length;
      (this.#inbox ??= []).push({ message, bytes });
      this.#inboxBytes += bytes;
    } else {
      this.#drop();
    }
    return true;
  }

  /** The next message, NEED_MORE, or NEED_MORE with `#finalReason` set because there will be none. */
  #decode(): unknown {
    const before = this.#queue.length;
    if (before === 0 && !this.#streamEnded) return NEED_MORE;
    try {
      let message: unknown = before === 0 ? NEED_MORE : this.#decoder.decode(this.#queue);
      if (message === NEED_MORE && this.#streamEnded) {
        message = before === 0 || this.#frameError !== undefined ? NEED_MORE : this.#decodeEnd();
        if (message === NEED_MORE) this.#finalReason = this.#endReason();
      }
      if (message !== NEED_MORE && this.#queue.length >= before) {
        throw new PeerError(
          'P2P_ERR_STALLED_DECODER',
          'the decoder answered a message without consuming a byte',
        );
      }
      return message;
    } catch (error) {
      this.#finalReason = { origin: 'reading', cause: 'invalid-frame', error };
      return NEED_MORE;
    }
  }

  #decodeEnd(): unknown {
    return this.#decoder.end === undefined ? NEED_MORE : this.#decoder.end(this.#queue);
  }

  #endReason(): DisconnectReason {
    const reason = this.#frameErrorReason();
    if (reason !== undefined) return reason;
    if (this.#queue.length === 0) return { origin: 'reading', cause: 'ended' };
    const error = new PeerError(
      'P2P_ERR_TRUNCATED_FRAME',
      `the stream ended with ${this.#queue.length} bytes of an unfinished frame`,
    );
    return { origin: 'reading', cause: 'invalid-frame', error };
  }

  #frameErrorReason(): DisconnectReason | undefined {
    const error = this.#frameError;
    return error && { origin: 'reading', cause: 'invalid-frame', error };
  }

  #deliver(message: unknown): void {
    const connection = this.#connection;
    if (diagnostics.messageReceived.hasSubscribers) {
      diagnostics.messageReceived.publish({ node: this.#node.config.name, connection, message });
    }
    try {
      // INVARIANT: message-order. The next message waits for the promise of this one.
      const answer = this.#node.hooks.message!(message, connection);
      if (!isPromise(answer)) return;
      this.#handling = true;
      this.#settle ??= this.#makeSettle();
      answer.then(this.#settle.handled, this.#settle.failed);
    } catch (error) {
      this.#handlerThrew(error);
    }
  }

  /** Made when the first handler answers a promise, and kept: not one a message, and none while idle. */
  #makeSettle(): Settle {
    const handled = (): void => {
      this.#handling = false;
      if (!this.#stopped) this.#pump();
    };
    const failed = (error: unknown): void => {
      this.#handling = false;
      this.#handlerThrew(error);
      if (!this.#stopped) this.#pump();
    };
    return { handled, failed };
  }

  #handlerThrew(error: unknown): void {
    const answer = this.#node.hookThrew('onMessage', error, this.#connection);
    // Behind a frame error nothing can be sent, which is all that many handlers throw for.
    if (answer !== 'keep' && !this.hasFrameError) {
      this.#disconnect({ origin: 'reading', cause: 'handler-error', error });
      return;
    }
    const fields = { peer: this.#connection.address.toString(), error };
    const why =
      answer === 'keep' ? 'onError keeps the connection' : 'the connection is ending for a bad frame';
    this.#node.logger.error(fields, `onMessage threw; ${why}`);
  }

  #drop(): void {
    this.#node.heuristics.droppedMessages++;
    this.#node.dropLog.run((suppressed) => {
      const fields = { peer: this.#connection.address.toString(), dropped: suppressed + 1 };
      this.#node.logger.warn(fields, 'the inbound queue is full: messages are dropped');
    });
  }

  get #inboxLength(): number {
    return this.#inbox?.length ?? 0;
  }

  #pausedByInbox(): boolean {
    const { inboundQueueMessages, whenInboundFull } = this.#node.config;
    return this.#handling && whenInboundFull === 'pause' && this.#inboxLength >= inboundQueueMessages;
  }

  /** Tells the budget of the node how many bytes this connection holds. INVARIANT: bounded-memory. */
  #account(): void {
    const held = this.#queue.length + this.#inboxBytes;
    if (held === this.#accounted) return;
    const delta = held - this.#accounted;
    this.#accounted = held;
    this.#node.budget.add(delta);
  }

  /** Pauses or resumes the stream, as the queues say. */
  #flow(): void {
    if (this.#node.budget.exceeded && this.#onRelief === undefined) {
      this.#onRelief = () => {
        this.#onRelief = undefined;
        this.#flow();
      };
      this.#node.budget.onRelief(this.#onRelief);
    }
    const mayRead = this.#onRelief === undefined && !this.#pausedByInbox() && this.#finalReason === undefined;
    if (!mayRead) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
  }

  #disconnect(reason: DisconnectReason): void {
    this.#connection.end(reason);
  }
}

function streamOnData(this: ReadStream, chunk: Buffer): void {
  this[kReader]?.onData(chunk);
}

function streamOnEnd(this: ReadStream): void {
  this[kReader]?.onEnd();
}

function streamOnError(this: ReadStream, error: Error): void {
  this[kReader]?.onError(error);
}

function streamOnClose(this: ReadStream): void {
  this[kReader]?.onClose();
}
