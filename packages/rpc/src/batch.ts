import type { Connection, Logger } from '@pea2pea/core';
import { peerFields, type LogThrottle } from '@pea2pea/core/authoring';
import type { Tally } from './counters.js';
import { failure, responseOf, RPC_CODES, type Answer, type Envelope, type RequestId } from './envelope.js';
import { sizeOf } from './size-of.js';
import type { RequestWire } from './wire.js';

/**
 * The responses to one batch of the peer, until the last of them is there: then they go out as one list, in the order in
 * which they came about. Where there is none, nothing goes out.
 */
export class Batch {
  readonly #owner: Batches;
  readonly responses: Envelope[] = [];
  /** The members that have no response yet, and one for the batch while it is being read. */
  #left = 1;
  /** Whether its members may wait for a slot: decided once for all of them. */
  readonly mayWait: boolean;
  /** About how many bytes its results take. */
  bytes = 0;
  /** Whether a method was called for one of its members: then the list waits for room, as a response does. */
  wasServed = false;

  constructor(owner: Batches, mayWait: boolean) {
    this.#owner = owner;
    this.mayWait = mayWait;
  }

  /** A member has begun that will be {@link settle}d. */
  expect(): void {
    this.#left++;
  }

  add(id: RequestId, answer: Answer): void {
    this.responses.push(responseOf('2.0', id, this.#owner.bounded(this, answer)));
  }

  /** A member is done, with a response or without one; or all have been read. */
  settle(): void {
    this.#left--;
    if (this.#left === 0) this.#owner.complete(this);
  }
}

/** What batches need from their node. */
export interface BatchContext {
  readonly wire: RequestWire;
  /** How many bytes of results the batches of a connection may hold, beside the outbound queue. */
  readonly batchBytes: number;
  readonly counters: Tally;
  readonly logger: Logger;
  readonly batchLog: LogThrottle;
}

/** The batches of one peer. */
export class Batches {
  readonly #connection: Connection;
  readonly #context: BatchContext;
  /** Called with a promise where a list waits for room: it takes a slot until that has settled. */
  readonly #onWaiting: (queued: Promise<void>) => void;
  #heldBytes = 0;

  constructor(connection: Connection, context: BatchContext, onWaiting: (queued: Promise<void>) => void) {
    this.#connection = connection;
    this.#context = context;
    this.#onWaiting = onWaiting;
  }

  begin(mayWait: boolean): Batch {
    return new Batch(this, mayWait);
  }

  /** `answer`, or an error in its place where batches hold too much already. */
  bounded(batch: Batch, answer: Answer): Answer {
    if ('error' in answer) return answer;
    const size = sizeOf(answer.result);
    if (this.#heldBytes > 0 && this.#heldBytes + size > this.#context.batchBytes) {
      return failure(RPC_CODES.tooManyRequests, 'the results of this batch are too large together');
    }
    this.#heldBytes += size;
    batch.bytes += size;
    return answer;
  }

  complete(batch: Batch): void {
    const { responses } = batch;
    const queued = responses.length === 0 ? undefined : this.#respond(batch, responses);
    const release = (): void => void (this.#heldBytes -= batch.bytes);
    if (queued === undefined) release();
    else this.#onWaiting(queued.then(release));
  }

  #respond(batch: Batch, responses: readonly Envelope[]): Promise<void> | undefined {
    try {
      if (this.#context.wire.trySend(this.#connection, responses)) return undefined;
    } catch (error) {
      if (!batch.wasServed) return this.#lost(responses);
      batch.wasServed = false;
      return this.#failed(batch, error);
    }
    // Refusals have no slot to wait in.
    if (!batch.wasServed) return this.#lost(responses);
    return this.#connection.drained().then(
      () => this.#respond(batch, responses),
      () => this.#lost(responses),
    );
  }

  /** The results cannot be encoded, or not in one frame. */
  #failed(batch: Batch, error: unknown): Promise<void> | undefined {
    const { logger, batchLog } = this.#context;
    const fields = { ...peerFields(this.#connection), members: batch.responses.length, err: error };
    batchLog.run(() => logger.error(fields, 'a batch failed: its responses cannot be encoded'));
    const answer = failure(RPC_CODES.internalError, 'internal error');
    return this.#respond(
      batch,
      batch.responses.map(({ id }) => responseOf('2.0', id as RequestId, answer)),
    );
  }

  #lost(responses: readonly Envelope[]): undefined {
    this.#context.counters.unsentResponses += responses.length;
  }
}
