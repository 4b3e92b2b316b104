import { PeerError, type Connection, type DisconnectReason, HANDLED, type Hold } from '@pea2pea/core';
import { defer, isPromise, peerFields, type Deferred, type LogThrottle } from '@pea2pea/core/authoring';
import { answerTo, INTERNAL_ERROR, logFailure, type AnsweringContext } from './answering.js';
import { Backlog } from './backlog.js';
import { Batches, type Batch, type BatchContext } from './batch.js';
import type { Dialect } from './dialect.js';
import { failure, requestOf, responseOf, RPC_CODES, type Answer, type RequestId } from './envelope.js';
import { IncomingRequest, type ReceivedRequest, type RequestOwner } from './incoming-request.js';
import type { WhenTooMuch } from './options.js';
import type { TraceContext } from './trace-context.js';
import { TurnShare } from './turn-share.js';

/** The calls that were made to the peer that is served. */
export interface PendingCalls {
  /** How many have no response yet. */
  readonly size: number;
  /** How many of them were sent. */
  readonly sent: number;
}

/** What serving needs from its node. */
export interface ServingContext extends AnsweringContext, BatchContext {
  readonly maxConcurrent: number;
  readonly whenBusy: WhenTooMuch;
  readonly backlogBytes: number;
  readonly dialect: Dialect;
  readonly refusedLog: LogThrottle;
  /** Whether the node begins no more requests. */
  readonly isClosing: boolean;
  now(): number;
  nextTurn(callback: () => void): void;
}

/**
 * The requests of one peer, served concurrently.
 *
 * ```text
 *   request -- a slot is free? --> validated -> method -> response queued -> slot free again
 *                 |                                 `- queue full: the slot waits for room
 *                 `- no: waits, and reading pauses --- or is refused at once
 * ```
 *
 * So a peer that sends requests and does not read makes us hold at most `maxConcurrent` responses, in addition to the
 * outbound queue. Refusals have no slot to wait in, nor have requests that were cancelled before they began: if the queue
 * is full, what they get is dropped, and counted.
 *
 * While calls of ours to the same peer are under way, reading must go on, or their responses would never come, and two
 * nodes whose methods call each other would wait for ever. What comes then waits decoded, up to `backlogBytes`. For the same
 * reason there are as many slots more as calls have been sent: a method that waits for one would keep the peer's own method
 * from being served, which that call waits for.
 */
export class Serving implements RequestOwner {
  readonly #connection: Connection;
  readonly #context: ServingContext;
  /** The calls to this peer. */
  readonly #calls: PendingCalls;
  readonly #backlog = new Backlog();
  /** Those that run or wait and have an id. */
  readonly #byId = new Map<RequestId, IncomingRequest>();
  /** Those whose method has asked for the signal. */
  readonly #watched = new Set<IncomingRequest>();
  #running = 0;
  #isAdvancing = false;
  /** What those that waited have taken since the last turn that was waited for, and whether one is. */
  #share = new TurnShare();
  #awaitsTurn = false;
  /** How many requests and lists of responses the connection has to wait for, and its hold while there are some. */
  #awaited = 0;
  #hold: Hold | undefined;
  /** Pending while nothing more is to be read. */
  #pause: Deferred<typeof HANDLED> | undefined;
  /** How many slots wait for room in the outbound queue. */
  #blocked = 0;
  readonly #batches: Batches;
  #ended: DisconnectReason | undefined;

  constructor(connection: Connection, context: ServingContext, calls: PendingCalls) {
    this.#connection = connection;
    this.#context = context;
    this.#calls = calls;
    this.#batches = new Batches(connection, context, (queued) => {
      this.#running++;
      this.#keep();
      this.#block(queued, () => {
        this.#letGo();
        this.#free();
      });
    });
  }

  /** How many requests are being served. */
  get running(): number {
    return this.#running;
  }

  /** Whether the connection has ended, or is ending. */
  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** How many requests wait for a slot. */
  get waiting(): number {
    return this.#backlog.length;
  }

  /** Those with an id that run or wait. */
  requests(): Iterable<IncomingRequest> {
    return this.#byId.values();
  }

  /** Starts to serve a request, has it wait, or refuses it. Never throws. */
  take(request: ReceivedRequest, batch?: Batch, trace?: TraceContext): void {
    const incoming = new IncomingRequest(this, batch, request, trace);
    const { id } = incoming;
    batch?.expect();
    if (id !== undefined && this.#byId.has(id)) {
      this.#refuse(incoming, failure(RPC_CODES.invalidRequest, 'a request with this id is being served'));
    } else if (this.#context.isClosing) {
      this.#refuse(incoming, failure(RPC_CODES.closing, 'this side is closing'));
    } else if (this.#hasSlot && this.#backlog.length === 0) {
      if (id !== undefined) this.#byId.set(id, incoming);
      this.#serve(incoming);
    } else if (batch === undefined ? this.#mayWait() : batch.mayWait) {
      if (id !== undefined) this.#byId.set(id, incoming);
      this.#await(incoming);
      this.#backlog.add(incoming);
    } else {
      this.#refuse(incoming, failure(RPC_CODES.tooManyRequests, 'too many requests at once'));
      this.#logRefusal();
    }
  }

  /** A promise while nothing more is to be read, as requests wait for methods that run. */
  get pause(): Promise<typeof HANDLED> | undefined {
    if (this.#backlog.length === 0 || this.#calls.size > 0 || this.#ended !== undefined) return undefined;
    // Slots that wait for the peer to read do not stop us from reading: the peer may be waiting for that.
    if (this.#blocked >= this.#running && !this.#awaitsTurn) return undefined;
    return (this.#pause ??= defer()).promise;
  }

  /** A call was made to this peer: its response has to come in, and there is a slot more. */
  onCall(): void {
    if (this.#backlog.length === 0) return;
    this.#advance();
    this.#readOn();
  }

  #readOn(): void {
    this.#pause?.resolve(HANDLED);
    this.#pause = undefined;
  }

  refuseInvalid(id: RequestId, why: string, code: number = RPC_CODES.invalidRequest): void {
    this.#context.counters.refused++;
    if (!this.#trySend(responseOf('2.0', id, failure(code, why)))) this.#context.counters.unsentResponses++;
  }

  /** A member of a batch that is not a request. */
  refuseMember(id: RequestId, why: string, batch: Batch): void {
    this.#context.counters.refused++;
    batch.add(id, failure(RPC_CODES.invalidRequest, why));
  }

  /** A batch whose responses go out as one list. */
  beginBatch(): Batch {
    return this.#batches.begin(this.#mayWait());
  }

  /** The peer has given up a request, if it is one that runs or waits. */
  cancel(id: unknown): void {
    const request = this.#byId.get(id as RequestId);
    if (request === undefined || request.isCancelled) return;
    request.isCancelled = true;
    if (this.#backlog.delete(request)) {
      this.#forget(request);
      this.#reject(request, this.#cancelled());
      this.#advance();
      return;
    }
    this.#unawait(request);
    const what = `${this.#connection.address} cancelled its request of '${request.method}'`;
    request.abort(new PeerError('P2P_ERR_ABORTED', what));
  }

  /** Sends progress of a request that asked for it. */
  progress({ id, params, isCancelled }: IncomingRequest, value: unknown): boolean {
    const { progress } = this.#context.dialect;
    if (progress === undefined || params === undefined || isCancelled) return false;
    const token = progress.tokenIn(params);
    if (token === undefined || token === null || id === undefined) return false;
    const message = requestOf('2.0', undefined, progress.method, progress.params(token as RequestId, value));
    return this.#context.wire.trySend(this.#connection, message);
  }

  /** A method has asked for the signal of its request. */
  hasSignal(request: IncomingRequest): void {
    if (this.#ended !== undefined) request.abort(this.#ended);
    else this.#watched.add(request);
  }

  /** The connection is ending: methods that asked are told, and those that have not begun never will. */
  end(reason: DisconnectReason): void {
    this.#ended = reason;
    this.#context.counters.unsentResponses += this.#backlog.clear();
    this.#readOn();
    for (const request of this.#watched) request.abort(reason);
    this.#watched.clear();
  }

  get #hasSlot(): boolean {
    const { maxConcurrent, whenBusy } = this.#context;
    return this.#running < (whenBusy === 'wait' ? maxConcurrent + this.#calls.sent : maxConcurrent);
  }

  /** Requests wait where that is wanted, and what waits is bounded: by the pause, or by its size. */
  #mayWait(): boolean {
    if (this.#context.whenBusy === 'refuse' || this.#ended !== undefined) return false;
    return this.#backlog.bytes < this.#context.backlogBytes;
  }

  #refuse(request: IncomingRequest, answer: Answer): void {
    this.#context.counters.refused++;
    this.#reject(request, answer);
  }

  /** The response to what has no slot: it never waits for room. */
  #reject({ id, batch, version }: IncomingRequest, answer: Answer): void {
    if (id === undefined) {
      batch?.settle();
    } else if (batch !== undefined) {
      batch.add(id, answer);
      batch.settle();
    } else if (!this.#trySend(responseOf(version, id, answer))) {
      this.#context.counters.unsentResponses++;
    }
  }

  #logRefusal(): void {
    const { refusedLog, logger, maxConcurrent } = this.#context;
    refusedLog.run((suppressed) => {
      const fields = { ...peerFields(this.#connection), times: suppressed + 1, maxConcurrent };
      logger.warn(fields, 'requests or notifications were refused: too many at once');
    });
  }

  #serve(request: IncomingRequest): void {
    this.#running++;
    // A method that returns at once is finished within this turn: many such in a row use one slot after the other.
    const answer = answerTo(request, this.#connection, this.#context);
    if (!isPromise(answer)) {
      this.#finish(request, answer);
      return;
    }
    // A notification has to begin, but nobody waits for its end.
    if (request.id === undefined) this.#unawait(request);
    else this.#await(request);
    void answer.then((settled) => this.#finish(request, settled));
  }

  #finish(request: IncomingRequest, answer: Answer): void {
    if (request.isWatched) this.#watched.delete(request);
    const { id, batch } = request;
    const final = request.isCancelled && 'error' in answer ? this.#cancelled() : answer;
    const queued = id === undefined || batch !== undefined ? undefined : this.#respond(request, id, final);
    if (batch !== undefined) {
      if (id !== undefined) batch.add(id, final);
      // Where there was no such method, it is a refusal.
      if (request.handler !== undefined) batch.wasServed = true;
      batch.settle();
    }
    if (queued === undefined) {
      this.#release(request);
    } else {
      this.#await(request);
      this.#block(queued, () => this.#release(request));
    }
  }

  /** A slot waits until `queued` settles: for the peer to read. */
  #block(queued: Promise<void>, release: () => void): void {
    this.#blocked++;
    if (this.#blocked >= this.#running) this.#readOn();
    void queued.then(() => {
      this.#blocked--;
      release();
    });
  }

  #release(request: IncomingRequest): void {
    this.#forget(request);
    this.#free();
  }

  #forget(request: IncomingRequest): void {
    if (request.id !== undefined) this.#byId.delete(request.id);
    this.#unawait(request);
  }

  #free(): void {
    this.#running--;
    if (this.#backlog.length > 0) this.#advance();
  }

  /** Begins what waits, as far as there are slots; when nothing waits any more, reading goes on. */
  #advance(): void {
    if (this.#isAdvancing || this.#awaitsTurn) return; // a method that returned at once, or made a call: the loop below goes on
    this.#isAdvancing = true;
    while (this.#hasSlot) {
      if (this.#share.isSpent) {
        this.#awaitTurn();
        break;
      }
      const next = this.#backlog.shift();
      if (next === undefined) break;
      const startMs = this.#context.now();
      this.#serve(next);
      this.#share.add(this.#context.now() - startMs);
    }
    this.#isAdvancing = false;
    if (this.#backlog.length === 0) this.#readOn();
  }

  /** INVARIANT: fair-turns. Methods that return at once would all run in this turn. */
  #awaitTurn(): void {
    this.#awaitsTurn = true;
    this.#context.nextTurn(() => {
      this.#awaitsTurn = false;
      this.#share = new TurnShare();
      this.#advance();
    });
  }

  #cancelled(): Answer {
    return failure(this.#context.dialect.cancel?.code ?? RPC_CODES.cancelled, 'the request was cancelled');
  }

  /** The connection does not end in order before the request is responded to, or the notification begins. */
  #await(request: IncomingRequest): void {
    if (request.isAwaited || request.isCancelled) return;
    request.isAwaited = true;
    this.#keep();
  }

  #unawait(request: IncomingRequest): void {
    if (!request.isAwaited) return;
    request.isAwaited = false;
    this.#letGo();
  }

  /** The connection has one thing more to wait for, before it ends in order. */
  #keep(): void {
    if (++this.#awaited === 1) this.#hold = this.#connection.hold();
  }

  #letGo(): void {
    if (--this.#awaited > 0) return;
    this.#hold?.release();
    this.#hold = undefined;
  }

  /** Queues a response. Returns a promise that never rejects if it has to wait for room, undefined if it need not. */
  #respond(request: IncomingRequest, id: RequestId, answer: Answer): Promise<void> | undefined {
    const { counters } = this.#context;
    try {
      if (this.#context.wire.trySend(this.#connection, responseOf(request.version, id, answer)))
        return undefined;
    } catch (error) {
      if (request.handler === undefined || answer === INTERNAL_ERROR) {
        counters.unsentResponses++;
        return undefined;
      }
      logFailure(
        this.#context,
        this.#connection,
        request,
        error,
        'a request failed: its response cannot be encoded',
      );
      return this.#respond(request, id, INTERNAL_ERROR);
    }
    return this.#connection.drained().then(
      () => this.#respond(request, id, answer),
      () => void counters.unsentResponses++,
    );
  }

  #trySend(response: object): boolean {
    try {
      return this.#context.wire.trySend(this.#connection, response);
    } catch {
      return false; // the codec of this node cannot encode it
    }
  }
}
