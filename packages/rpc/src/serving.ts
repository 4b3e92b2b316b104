import type { Connection, Logger, StandardResult } from '@pea2pea/core';
import {
  describe,
  isPromise,
  plainIssues,
  readData,
  runSchema,
  type LogThrottle,
} from '@pea2pea/core/authoring';
import type { Tally } from './counters.js';
import {
  responseOf,
  RPC_CODES,
  type Answer,
  type IncomingRequest,
  type Incoming,
  type RequestId,
} from './envelope.js';
import type { Method } from './method.js';
import { RequestError } from './request-error.js';

/** A handler of requests for one method. */
export interface Handler {
  /** The name for log lines. */
  readonly name: string;
  readonly method: Method;
  call(params: unknown, connection: Connection): unknown;
  /** The throttle for log lines about its errors. */
  readonly log: LogThrottle;
}

/** What serving needs from its node. */
export interface ServingContext {
  readonly maxConcurrent: number;
  /** By the name of the method that they serve. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly counters: Tally;
  readonly logger: Logger;
}

/**
 * The requests of one peer, served concurrently.
 *
 * ```text
 *   request -- a slot is free? --> validated -> handler -> response queued -> slot free again
 *                 `- no: refused at once             `- queue full: the slot waits for room
 * ```
 *
 * So a peer that sends requests and does not read makes us hold at most `maxConcurrent` responses, in addition to the
 * outbound queue. Refusals have no slot to wait in: if the queue is full they are dropped, and counted.
 */
export class Serving {
  readonly #connection: Connection;
  readonly #context: ServingContext;
  readonly #ids = new Set<RequestId>();
  #running = 0;

  constructor(connection: Connection, context: ServingContext) {
    this.#connection = connection;
    this.#context = context;
  }

  /** How many requests are being served. */
  get running(): number {
    return this.#running;
  }

  /** Starts to serve a request, or refuses it. Never throws. */
  take(request: IncomingRequest): void {
    const { id } = request;
    if (this.#running >= this.#context.maxConcurrent) {
      this.#refuse(id, failure(RPC_CODES.tooManyRequests, 'too many requests at once'));
    } else if (id !== undefined && this.#ids.has(id)) {
      this.#refuse(id, failure(RPC_CODES.invalidRequest, 'a request with this id is being served'));
    } else {
      void this.#serve(request);
    }
  }

  refuseInvalid({ id, why }: Extract<Incoming, { readonly kind: 'invalid' }>): void {
    this.#refuse(id, failure(RPC_CODES.invalidRequest, why));
  }

  #refuse(id: RequestId | undefined, answer: Answer): void {
    const { counters } = this.#context;
    counters.refused++;
    if (id === undefined) return;
    let isQueued = false;
    try {
      isQueued = this.#connection.trySend(responseOf(id, answer));
    } catch {
      // The codec of this node cannot encode it.
    }
    if (!isQueued) counters.unsentResponses++;
  }

  #serve(request: IncomingRequest): void {
    const { id } = request;
    this.#running++;
    if (id !== undefined) this.#ids.add(id);
    // A handler that returns at once is finished within this turn: many such in a row use one slot after the other.
    const answer = this.#answerTo(request);
    if (isPromise(answer)) void answer.then((settled) => this.#finish(request, settled));
    else this.#finish(request, answer);
  }

  #finish({ id, method }: IncomingRequest, answer: Answer): void {
    const queued = id === undefined ? undefined : this.#respond(id, answer, method);
    const release = (): void => {
      if (id !== undefined) this.#ids.delete(id);
      this.#running--;
    };
    if (queued === undefined) release();
    else void queued.then(release);
  }

  /** Never throws, never rejects. */
  #answerTo({ method: name, params }: IncomingRequest): Answer | Promise<Answer> {
    const { handlers, counters } = this.#context;
    const handler = handlers.get(name);
    if (handler === undefined) {
      counters.refused++;
      return failure(RPC_CODES.methodNotFound, 'method not found');
    }
    counters.served++;
    try {
      const schema = handler.method.params;
      const validated =
        schema === undefined ? { value: params } : runSchema(schema, params, handler.method.name);
      const answer = isPromise(validated)
        ? validated.then((settled) => this.#call(handler, settled))
        : this.#call(handler, validated);
      return isPromise(answer) ? answer.catch((error: unknown) => this.#failed(handler, error)) : answer;
    } catch (error) {
      return this.#failed(handler, error);
    }
  }

  /** @throws what the method throws */
  #call(handler: Handler, validated: StandardResult<unknown>): Answer | Promise<Answer> {
    if (validated.issues) {
      return failure(RPC_CODES.invalidParams, 'invalid params', plainIssues(validated.issues));
    }
    // The peer may have left during an asynchronous validation: as with messages, no handler starts then.
    if (this.#connection.state !== 'open') return INTERNAL_ERROR;
    const result = handler.call(validated.value, this.#connection);
    return isPromise(result) ? Promise.resolve(result).then(success) : success(result);
  }

  /** The error response for what a handler threw: without details, unless it is a RequestError made for the caller. */
  #failed(handler: Handler, error: unknown): Answer {
    if (RequestError.is(error) && readData(error, 'from') === undefined) {
      return failure(error.rpcCode, error.rpcMessage, readData(error, 'data'));
    }
    this.#log(handler, error, 'a request failed: its method threw');
    return INTERNAL_ERROR;
  }

  /** Queues a response. Returns a promise that never rejects if it has to wait for room, undefined if it need not. */
  #respond(id: RequestId, answer: Answer, name: string): Promise<void> | undefined {
    const { counters, handlers } = this.#context;
    try {
      if (this.#connection.trySend(responseOf(id, answer))) return undefined;
    } catch (error) {
      const handler = handlers.get(name);
      if (handler === undefined || answer === INTERNAL_ERROR) {
        counters.unsentResponses++;
        return undefined;
      }
      this.#log(handler, error, 'a request failed: its response cannot be encoded');
      return this.#respond(id, INTERNAL_ERROR, name);
    }
    return this.#connection.drained().then(
      () => this.#respond(id, answer, name),
      () => void counters.unsentResponses++,
    );
  }

  /** Logs the error of a handler; for debugging only if the connection has ended, which most such errors are about. */
  #log(handler: Handler, error: unknown, text: string): void {
    const { logger } = this.#context;
    const fields = { peer: this.#connection.address.toString(), method: handler.name, err: error };
    if (this.#connection.state !== 'open') logger.debug(fields, text);
    else handler.log.run((suppressed) => logger.error({ ...fields, times: suppressed + 1 }, text));
  }
}

const INTERNAL_ERROR = failure(RPC_CODES.internalError, 'internal error');

/** @throws {TypeError} for what no codec can encode: `json()` would leave it out, and the call would time out */
function success(result: unknown): Answer {
  if (typeof result === 'function' || typeof result === 'symbol') {
    throw new TypeError(`the method returned ${describe(result)}`);
  }
  return { result: result === undefined ? null : result };
}

function failure(code: number, message: string, data?: unknown): Answer {
  return { error: { code, message, ...(data !== undefined && { data }) } };
}
