import { aborted } from '../authoring/cancellation.js';
import { requireSignal } from '../authoring/checks.js';
import { defer, rejected, type Deferred } from '../authoring/deferred.js';
import { forgetAbort, onAbort } from '../authoring/signal-listeners.js';
import { NEED_MORE } from '../contracts/codec.js';
import { disconnected, type DisconnectReason } from '../contracts/connection.js';
import { PeerError } from '../errors/errors.js';
import { Slice } from '../mechanisms/fair-turns.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import type { MessageSource, Receiver } from './receiver.js';

/** How many messages of a connection that has ended are taken in one turn, however fast. */
const REST_PER_TURN = 64;

interface Waiter extends Deferred<unknown> {
  readonly loop: PullLoop | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onAborted: () => void;
}

/**
 * Hands messages to those who ask for them, one by one.
 *
 * ```text
 *   next() -> goOn() -> take(message)   the rest stays in the queue of bytes, undecoded
 *        `--- aborted: wait(); nothing is lost
 * ```
 */
export class Pulls implements Receiver {
  readonly isBusyAtFirst = true;
  readonly #node: NodeContext;
  readonly #connection: InnerConnection;
  readonly #source: MessageSource;
  #wasAsked = false;
  #waiter: Waiter | undefined;
  /** The loops whose body runs: one may be in the body of another. Made with the first. */
  #bodies: Set<PullLoop> | undefined;
  /** How many were taken after the end, and what of a turn that took: made with the first. */
  #ofRest = 0;
  #slice: Slice | undefined;
  /** A message of the rest is on its way, in the next turn. */
  #givesWay = false;

  constructor(node: NodeContext, connection: InnerConnection, source: MessageSource) {
    this.#node = node;
    this.#connection = connection;
    this.#source = source;
  }

  /** Until somebody asks, nobody knows messages from bytes. */
  get countsBytes(): boolean {
    return !this.#wasAsked;
  }

  /** The body of a loop is as busy with the last message as a handler is. */
  get isWorking(): boolean {
    return this.#bodies !== undefined && this.#bodies.size > 0;
  }

  isBusyWith(waitingBytes: number): boolean {
    return this.isWorking || (this.#wasAsked && waitingBytes > 0);
  }

  /** As `Connection.next`. */
  next(signal: AbortSignal | undefined, loop?: PullLoop): Promise<unknown> {
    const refusal = this.#whyNot(signal);
    if (refusal !== undefined) return rejected(refusal);
    if (this.#source.isStopped) return this.#nextOfRest();
    if (this.#source.decoding.isOver) {
      if (loop !== undefined && this.#bodies?.delete(loop) === true) this.#source.goOn();
      return rejected(this.#ended());
    }
    // A decoder may be what aborts: its message still has somebody to take it.
    const onAborted = (): void => void Promise.resolve().then(() => this.#giveUp(waiter));
    const waiter: Waiter = { ...defer<unknown>(), loop, signal, onAborted };
    this.#waiter = waiter;
    this.#wasAsked = true;
    if (loop !== undefined) this.#bodies?.delete(loop);
    if (signal !== undefined) onAbort(signal, onAborted);
    this.#source.goOn();
    return waiter.promise;
  }

  begin(): void {}

  take(message: unknown): boolean {
    const waiter = this.#settle();
    if (waiter?.loop !== undefined) (this.#bodies ??= new Set()).add(waiter.loop);
    waiter?.resolve(message);
    return true;
  }

  end(): void {
    this.#settle()?.reject(this.#ended());
  }

  stop(): void {
    if (this.#waiter?.signal?.aborted === true) this.#giveUp(this.#waiter);
    this.#settle()?.reject(this.#ended());
  }

  /** A loop was left: in its body, or while it waits, as a stream that is made of it is when it is destroyed. */
  left(loop: PullLoop): void {
    const waits = this.#waiter?.loop === loop;
    if (waits) this.#settle()!.reject(new PeerError('P2P_ERR_ENDED', 'the loop was left'));
    // Another may wait: who leaves a loop does not take that away.
    if ((this.#bodies?.delete(loop) === true || waits) && this.#waiter === undefined) this.#source.wait();
  }

  #giveUp(waiter: Waiter): void {
    if (this.#waiter !== waiter) return;
    this.#settle()!.reject(aborted('the wait', waiter.signal!));
    this.#source.wait();
  }

  #whyNot(signal: AbortSignal | undefined): PeerError | undefined {
    try {
      if (signal !== undefined) requireSignal('signal', signal);
    } catch (error) {
      return error as PeerError;
    }
    if (signal?.aborted === true) return aborted('the wait', signal);
    if (this.#waiter?.signal?.aborted === true) this.#giveUp(this.#waiter);
    if (this.#waiter !== undefined || this.#givesWay) {
      return new PeerError('P2P_ERR_ALREADY_PULLING', 'next() was called while another call waits');
    }
    return undefined;
  }

  /** After the end. However many messages are left, others have their turn. INVARIANT: fair-turns. */
  #nextOfRest(): Promise<unknown> {
    const slice = (this.#slice ??= new Slice(this.#node.turns));
    // What was done with the last message since then counts, too.
    slice.beginMarked(this.#ofRest);
    const message = this.#source.takeRest();
    if (message === NEED_MORE) return rejected(this.#ended());
    const count = ++this.#ofRest;
    const isSpent = count >= slice.checkAt && slice.isSpent(count);
    // Turns are marked no more once the node has closed.
    if (!isSpent && count % REST_PER_TURN !== 0) return Promise.resolve(message);
    this.#givesWay = true;
    return new Promise((resolve) =>
      this.#node.clock.nextTurn(() => {
        this.#givesWay = false;
        resolve(message);
      }),
    );
  }

  /** What those who ask are told after the last message. */
  #ended(): PeerError {
    const { ending, hasFrameError } = this.#source.decoding;
    if (hasFrameError) return disconnected(this.#connection, ending);
    const { address, state, endReason } = this.#connection;
    if (!isOrderly(endReason)) return disconnected(this.#connection, endReason);
    const what =
      state === 'open' ? `${address} has ended its half` : `the connection with ${address} has ended`;
    return new PeerError('P2P_ERR_ENDED', what, { cause: endReason });
  }

  #settle(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter?.signal !== undefined) forgetAbort(waiter.signal, waiter.onAborted);
    return waiter;
  }
}

/** What `for await` does with a connection. */
export class PullLoop implements AsyncIterableIterator<unknown> {
  readonly #pulls: Pulls;

  constructor(pulls: Pulls) {
    this.#pulls = pulls;
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#pulls.next(undefined, this).then(
      (value): IteratorResult<unknown> => ({ done: false, value }),
      (error: unknown): IteratorResult<unknown> => {
        if (PeerError.is(error, 'P2P_ERR_ENDED')) return { done: true, value: undefined };
        throw error;
      },
    );
  }

  /** The loop was left before the end: the connection lives on. */
  return(): Promise<IteratorResult<unknown>> {
    this.#pulls.left(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Whether a connection that ended for `reason` came to an end, rather than that it failed. */
function isOrderly(reason: DisconnectReason | undefined): boolean {
  if (reason === undefined) return false;
  const { origin } = reason;
  return (
    origin === 'user' ||
    origin === 'shutdown' ||
    origin === 'detached' ||
    (origin === 'reading' && reason.cause === 'ended')
  );
}

/** @throws {PeerError} P2P_ERR_NOT_PULLED */
export function requirePulls(receiver: Receiver, { config }: NodeContext): Pulls {
  if (receiver instanceof Pulls) return receiver;
  throw new PeerError(
    'P2P_ERR_NOT_PULLED',
    `the node ${config.name} has an \`onMessage\`, of its own or of a plugin`,
  );
}
