import { PeerError, type Connection, type DisconnectReason, type Logger, type OfNode } from '@pea2pea/core';
import {
  disconnected,
  forgetAbort,
  invalidConfig,
  onAbort,
  peerFields,
  rejected,
  sentAfterEnd,
  type LogThrottle,
} from '@pea2pea/core/authoring';
import { Call, type CallOwner, type CallTerms } from './call.js';
import type { Tally } from './counters.js';
import type { Deadlines } from './deadlines.js';
import type { Dialect } from './dialect.js';
import { requestOf, type Answer, type Envelope, type RpcVersion } from './envelope.js';
import { rpcDiagnostics, tracedCall } from './diagnostics.js';
import { rpcError } from './errors.js';
import type { Method } from './method.js';
import type { WhenTooMuch } from './options.js';
import { withTrace } from './trace-context.js';
import type { RequestWire } from './wire.js';

/** What calls need from the node that makes them. */
export interface CallsContext {
  readonly about: OfNode;
  readonly wire: RequestWire;
  readonly maxPending: number;
  readonly whenPendingFull: WhenTooMuch;
  readonly version: RpcVersion;
  readonly dialect: Dialect;
  readonly deadlines: Deadlines;
  readonly counters: Tally;
  readonly logger: Logger;
  readonly ignoredLog: LogThrottle;
  now(): number;
}

/** Why calls end whose responses cannot come any more. */
export const PEER_ENDED: DisconnectReason = { origin: 'reading', cause: 'ended' };

/** What goes out as one message: a call, or a batch of calls and notifications. */
interface Outgoing {
  readonly calls: readonly Call[];
  /** Where it is a batch: its notifications. */
  readonly notifications: readonly Envelope[] | undefined;
}

/**
 * The calls of one connection, by the ids of their requests.
 *
 * ```text
 *   call -- `maxPending` are pending, or the queue is full? --> waits --- there is room --.
 *        `- no --> pending <--------------------------------------------------------------'
 *                     `-- response --> result validated -> settled
 *   in either place: deadline, abort, end of the connection -> settled
 * ```
 */
export class Calls implements CallOwner {
  readonly connection: Connection;
  readonly #context: CallsContext;
  readonly #pending = new Map<number, Call>();
  /** Made with the first that waits. */
  #waiting: Set<Outgoing> | undefined;
  /** Calls that wait, with what they are part of. */
  #unsent: Map<Call, Outgoing> | undefined;
  #awaitsDrain = false;
  /** Called with each call that is made. */
  readonly #onCalling: () => void;
  #lastId = 0;

  constructor(connection: Connection, context: CallsContext, onCalling: () => void) {
    this.connection = connection;
    this.#context = context;
    this.#onCalling = onCalling;
  }

  /** How many calls have no response yet, those that wait to be sent included. */
  get size(): number {
    return this.#pending.size + (this.#unsent?.size ?? 0);
  }

  /** Those that have no response yet. */
  *all(): Generator<Call> {
    yield* this.#pending.values();
    if (this.#unsent !== undefined) yield* this.#unsent.keys();
  }

  /** How many requests have been sent that have no response yet. */
  get sent(): number {
    return this.#pending.size;
  }

  /** Whether `id` is that of a call which has had no response. */
  has(id: unknown): boolean {
    return this.#pending.has(id as number);
  }

  /** Whether a request was ever sent with `id`. */
  hasSent(id: unknown): boolean {
    return Number.isInteger(id) && (id as number) >= 1 && (id as number) <= this.#lastId;
  }

  /**
   * Sends a request, and settles with its outcome. The promise may be ignored: its rejection is never unhandled.
   *
   * note: `terms.signal` must not have aborted yet.
   */
  call(method: Method, params: unknown, terms: CallTerms): Promise<unknown> {
    if (!rpcDiagnostics.call.hasSubscribers) return this.#call(method, params, terms);
    return this.traced(method, terms, (final) => this.#call(method, params, final));
  }

  /** `begin`, traced; with the trace context that a subscriber has set. */
  traced(method: Method, terms: CallTerms, begin: (terms: CallTerms) => Promise<unknown>): Promise<unknown> {
    const { about: ofNode, version } = this.#context;
    const about = {
      ...ofNode,
      connection: this.connection,
      method: method.name,
      version,
      isNotification: false,
    };
    return tracedCall({ ...about, trace: terms.trace }, (trace) => begin({ ...terms, trace }));
  }

  #call(method: Method, params: unknown, terms: CallTerms): Promise<unknown> {
    try {
      this.#requireHalves(1);
      const call = this.begin(method, params, terms);
      const hasRoom = this.#hasRoomFor(1);
      if (!hasRoom || !this.#trySendOne(call))
        this.#waitOrRefuse({ calls: [call], notifications: undefined }, hasRoom);
      this.watch(call);
      return call.promise;
    } catch (error) {
      return rejected(error);
    }
  }

  /** A call that is not sent yet. */
  begin(method: Method, params: unknown, terms: CallTerms): Call {
    if (terms.onProgress !== undefined) {
      if (this.#context.dialect.progress === undefined)
        throw invalidConfig('`onProgress` needs a `dialect` with progress, such as lsp');
      if (Array.isArray(params))
        throw invalidConfig('`onProgress` needs params that are an object: its token goes there');
    }
    return new Call(this, method, params, terms, this.#context.now() + terms.timeoutMs);
  }

  /** From here on deadline and signal of `call` apply. */
  watch(call: Call): void {
    this.#context.deadlines.add(call);
    const { signal } = call.terms;
    if (signal === undefined) return;
    call.onAbort = () => call.abort(signal);
    onAbort(signal, call.onAbort);
  }

  /**
   * Sends it, or has it wait.
   * @throws {PeerError} P2P_ERR_TOO_MANY_REQUESTS, P2P_ERR_QUEUE_FULL, or whatever the encoder throws; nothing was sent then
   */
  send(outgoing: Outgoing): void {
    this.#requireHalves(outgoing.calls.length);
    const hasRoom = this.#hasRoomFor(outgoing.calls.length);
    if (!hasRoom || !this.#trySend(outgoing)) this.#waitOrRefuse(outgoing, hasRoom);
  }

  /** Takes the response with `id`; undefined is one that is not valid. */
  answer(id: unknown, answer: Answer | undefined): void {
    const call = this.#pending.get(id as number);
    if (call === undefined) {
      this.#ignore(id, answer);
      return;
    }
    // A second response is counted as late. The deadline still applies while the result is validated.
    this.#pending.delete(id as number);
    call.answer(answer);
    if (this.#hasWaiting) this.#advance();
  }

  /** The response with `id` is one of JSON-RPC 1.0; false where no call has that id. */
  answerOld(id: unknown): boolean {
    const call = this.#pending.get(id as number);
    call?.answerOld();
    return call !== undefined;
  }

  /** Tells the call with the token how far the peer is; false where there is none. */
  progress(token: unknown, value: unknown): boolean {
    const call = this.#pending.get(token as number);
    if (call?.terms.onProgress === undefined) return false;
    try {
      call.terms.onProgress(value);
    } catch (error) {
      const { ignoredLog, logger } = this.#context;
      const fields = { ...peerFields(this.connection), method: call.method.name, err: error };
      ignoredLog.run(() => logger.error(fields, 'onProgress of a call threw'));
    }
    return true;
  }

  /** Rejects the calls that wait, as the connection is ending. Results that have arrived may still be validated. */
  end(reason: DisconnectReason): void {
    // Last words: a peer that still runs them need not.
    const canTell = reason.origin === 'user' || reason.origin === 'shutdown';
    const error = disconnected(this.connection, reason);
    this.#waiting?.clear();
    for (const call of [...this.#pending.values(), ...(this.#unsent?.keys() ?? [])]) {
      if (canTell) this.#tellAbandoned(call);
      call.reject(error);
    }
  }

  forget(call: Call): void {
    this.#context.deadlines.delete(call);
    if (call.onAbort !== undefined) forgetAbort(call.terms.signal!, call.onAbort);
    if (this.#pending.delete(call.id)) {
      if (this.#hasWaiting) this.#advance();
      return;
    }
    const outgoing = this.#unsent?.get(call);
    if (outgoing === undefined) return;
    this.#unsent!.delete(call);
    // A batch goes without the calls that were given up, and not at all where nothing is left of it.
    const { calls, notifications = [] } = outgoing;
    if (notifications.length > 0 || calls.some((other) => this.#unsent!.has(other))) return;
    if (this.#waiting!.delete(outgoing)) this.#advance();
  }

  abandon(call: Call): void {
    if (this.#pending.has(call.id)) this.#tellAbandoned(call);
  }

  #tellAbandoned({ id }: Call): void {
    const { cancel } = this.#context.dialect;
    if (cancel === undefined || id === 0) return;
    try {
      this.#context.wire.trySend(
        this.connection,
        requestOf(this.#context.version, undefined, cancel.method, cancel.params(id)),
      );
    } catch {
      // The codec of this node cannot encode it: the peer goes on, as without it.
    }
  }

  /** @throws {PeerError} where the half has ended that requests go out by, or the one that responses would come by */
  #requireHalves(calls: number): void {
    const { connection } = this;
    if (connection.state !== 'open') return;
    if (connection.hasEnded) throw sentAfterEnd(connection);
    if (connection.peerHasEnded && calls > 0) throw disconnected(connection, PEER_ENDED);
  }

  get #hasWaiting(): boolean {
    return this.#waiting !== undefined && this.#waiting.size > 0;
  }

  #hasRoomFor(calls: number): boolean {
    return this.#pending.size + calls <= this.#context.maxPending && !this.#hasWaiting;
  }

  /** `isQueueFull`: it is the outbound queue that has no room. */
  #waitOrRefuse(outgoing: Outgoing, isQueueFull: boolean): void {
    const { maxPending, whenPendingFull } = this.#context;
    const { address } = this.connection;
    if (whenPendingFull === 'refuse') {
      if (isQueueFull) throw new PeerError('P2P_ERR_QUEUE_FULL', `the outbound queue to ${address} is full`);
      throw rpcError('P2P_ERR_TOO_MANY_REQUESTS', `${maxPending} requests to ${address} wait for a response`);
    }
    (this.#waiting ??= new Set()).add(outgoing);
    for (const call of outgoing.calls) (this.#unsent ??= new Map()).set(call, outgoing);
    this.#onCalling();
    if (isQueueFull) this.#awaitDrain();
  }

  /** Sends what waits, as far as there is room. */
  #advance(): void {
    for (const outgoing of this.#waiting ?? []) {
      if (this.#pending.size + outgoing.calls.length > this.#context.maxPending) return;
      const calls = outgoing.calls.filter((call) => this.#unsent!.has(call));
      const left = calls.length === outgoing.calls.length ? outgoing : { ...outgoing, calls };
      let error: unknown;
      let wasSent = false;
      try {
        wasSent = this.#trySend(left);
      } catch (thrown) {
        error = thrown;
      }
      if (!wasSent && error === undefined) {
        this.#awaitDrain();
        return;
      }
      this.#waiting!.delete(outgoing);
      for (const call of calls) {
        this.#unsent!.delete(call);
        if (!wasSent) call.reject(error);
      }
    }
  }

  #awaitDrain(): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    const drained = (): void => {
      this.#awaitsDrain = false;
      this.#advance();
    };
    // Where the connection has ended that was told before; else this side has ended its half.
    this.connection.drained().then(drained, (error: unknown) => {
      this.#waiting?.clear();
      for (const call of this.#unsent?.keys() ?? []) call.reject(error);
    });
  }

  /** False where the outbound queue is full. @throws what the encoder throws */
  #trySendOne(call: Call): boolean {
    const message = this.#requestOf(call, this.#lastId + 1);
    if (!this.#context.wire.trySend(this.connection, message)) return false;
    call.id = ++this.#lastId;
    this.#pending.set(call.id, call);
    this.#onCalling();
    return true;
  }

  /** As {@link #trySendOne}; also for batches. */
  #trySend({ calls, notifications }: Outgoing): boolean {
    const { connection } = this;
    if (notifications === undefined) return this.#trySendOne(calls[0]!);
    if (connection.state !== 'open')
      throw disconnected(connection, connection.signal.reason as DisconnectReason);
    const requests = calls.map((call, index) => this.#requestOf(call, this.#lastId + 1 + index));
    if (!this.#context.wire.trySend(connection, [...requests, ...notifications])) return false;
    for (const call of calls) {
      call.id = ++this.#lastId;
      this.#pending.set(call.id, call);
    }
    this.#onCalling();
    return true;
  }

  #requestOf({ params, terms, method }: Call, id: number): Envelope {
    const { version, dialect } = this.#context;
    const { onProgress, trace } = terms;
    const all =
      onProgress === undefined
        ? params
        : dialect.progress!.withToken((params as object | undefined) ?? {}, id);
    return withTrace(requestOf(version, id, method.name, all), trace, dialect.trace);
  }

  #ignore(id: unknown, answer: Answer | undefined): void {
    const { counters, logger, ignoredLog, dialect } = this.#context;
    const isLate = this.hasSent(id);
    if (isLate) counters.lateResponses++;
    else counters.unknownResponses++;
    const error = answer !== undefined && 'error' in answer ? { rpcCode: answer.error.code } : undefined;
    // That is what a peer says to a cancellation.
    if (isLate && error !== undefined && error.rpcCode === dialect.cancel?.code) return;
    ignoredLog.run((suppressed) => {
      const { lateResponses, unknownResponses } = counters;
      const fields = {
        ...peerFields(this.connection),
        times: suppressed + 1,
        lateResponses,
        unknownResponses,
      };
      logger.warn({ ...fields, ...error }, 'ignored responses that no call waits for');
    });
  }
}
