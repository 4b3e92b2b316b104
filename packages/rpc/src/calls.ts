import {
  describeReason,
  PeerError,
  type Connection,
  type DisconnectReason,
  type Logger,
  type StandardResult,
} from '@pea2pea/core';
import {
  aborted,
  describeIssues,
  forgetAbort,
  isPromise,
  markHandled,
  onAbort,
  rejected,
  runSchema,
  type LogThrottle,
} from '@pea2pea/core/authoring';
import { rpcError } from './errors.js';
import type { Tally } from './counters.js';
import type { Deadlines, Expiring } from './deadlines.js';
import { requestOf, type Answer } from './envelope.js';
import type { Method } from './method.js';
import { RequestError } from './request-error.js';

/** What calls need from the node that makes them. */
export interface CallsContext {
  readonly maxPending: number;
  readonly deadlines: Deadlines;
  readonly counters: Tally;
  readonly logger: Logger;
  readonly ignoredLog: LogThrottle;
  now(): number;
}

/** The options of one call, with defaults filled in. */
export interface CallTerms {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The calls of one connection, by the ids of their requests.
 *
 * ```text
 *   call -> pending -- response --> result validated -> settled
 *              `- deadline, abort, end of the connection -> settled
 * ```
 */
export class Calls {
  readonly #connection: Connection;
  readonly #context: CallsContext;
  readonly #pending = new Map<number, Call>();
  #lastId = 0;

  constructor(connection: Connection, context: CallsContext) {
    this.#connection = connection;
    this.#context = context;
  }

  /** How many calls wait for a response. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Sends a request, and settles with its outcome. The promise may be ignored: its rejection is never unhandled.
   *
   * note: `terms.signal` must not have aborted yet.
   */
  call(method: Method, params: unknown, terms: CallTerms): Promise<unknown> {
    const { maxPending, deadlines } = this.#context;
    if (this.#pending.size >= maxPending) {
      const what = `${maxPending} requests to ${this.#connection.address} wait for a response`;
      return rejected(rpcError('P2P_ERR_TOO_MANY_REQUESTS', what));
    }
    const id = ++this.#lastId;
    try {
      this.#send(requestOf(id, method.name, params));
    } catch (error) {
      return rejected(error);
    }
    const dueMs = this.#context.now() + terms.timeoutMs;
    const { signal } = terms;
    const call = new Call(method, this.#connection, terms, dueMs, () => {
      this.#pending.delete(id);
      deadlines.delete(call);
      if (signal !== undefined) forgetAbort(signal, call.onAbort);
    });
    this.#pending.set(id, call);
    deadlines.add(call);
    if (signal !== undefined) onAbort(signal, call.onAbort);
    return call.promise;
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
  }

  /** Rejects the calls that wait, as the connection is ending. Results that have arrived may still be validated. */
  end(reason: DisconnectReason): void {
    for (const call of this.#pending.values()) call.reject(disconnected(this.#connection, reason));
  }

  /** @throws {PeerError} P2P_ERR_QUEUE_FULL, P2P_ERR_DISCONNECTED, or whatever the encoder throws */
  #send(request: unknown): void {
    const connection = this.#connection;
    if (connection.trySend(request)) return;
    throw new PeerError('P2P_ERR_QUEUE_FULL', `the outbound queue to ${connection.address} is full`);
  }

  #ignore(id: unknown, answer: Answer | undefined): void {
    const { counters, logger, ignoredLog } = this.#context;
    const isLate = Number.isInteger(id) && (id as number) >= 1 && (id as number) <= this.#lastId;
    if (isLate) counters.lateResponses++;
    else counters.unknownResponses++;
    ignoredLog.run((suppressed) => {
      const { lateResponses, unknownResponses } = counters;
      const error = answer !== undefined && 'error' in answer ? { rpcCode: answer.error.code } : undefined;
      const fields = {
        peer: this.#connection.address.toString(),
        times: suppressed + 1,
        lateResponses,
        unknownResponses,
      };
      logger.warn({ ...fields, ...error }, 'ignored responses that no call waits for');
    });
  }
}

/** One call, until it settles. */
class Call implements Expiring {
  readonly promise: Promise<unknown>;
  readonly timeoutMs: number;
  readonly dueMs: number;
  readonly #method: Method;
  readonly #connection: Connection;
  readonly #signal: AbortSignal | undefined;
  readonly #onSettled: () => void;
  #settle!: { readonly resolve: (result: unknown) => void; readonly reject: (error: unknown) => void };

  constructor(
    method: Method,
    connection: Connection,
    { timeoutMs, signal }: CallTerms,
    dueMs: number,
    onSettled: () => void,
  ) {
    this.#method = method;
    this.#connection = connection;
    this.timeoutMs = timeoutMs;
    this.dueMs = dueMs;
    this.#signal = signal;
    this.#onSettled = onSettled;
    this.promise = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    void markHandled(this.promise);
  }

  /** Settles the call with its response, once the result is validated. */
  answer(answer: Answer | undefined): void {
    const { address } = this.#connection;
    if (answer === undefined) {
      this.reject(this.#invalidResponse('is not a valid response of JSON-RPC 2.0'));
    } else if ('error' in answer) {
      const { code, message, data } = answer.error;
      this.reject(new RequestError(code, message, data, address));
    } else {
      this.#validate(answer.result);
    }
  }

  readonly onAbort = (): void => {
    this.reject(callAborted(this.#method, this.#signal!));
  };

  expire(): void {
    const { address } = this.#connection;
    const what = `${address} did not respond to '${this.#method.name}' within ${this.timeoutMs} ms`;
    this.reject(rpcError('P2P_ERR_REQUEST_TIMEOUT', what));
  }

  reject(error: unknown): void {
    this.#onSettled();
    this.#settle.reject(error);
  }

  #validate(result: unknown): void {
    try {
      const { result: schema, name } = this.#method;
      const validated = schema === undefined ? { value: result } : runSchema(schema, result, name);
      if (isPromise(validated)) validated.then(this.#onValidated).catch(this.#onValidationError);
      else this.#onValidated(validated);
    } catch (error) {
      this.#onValidationError(error);
    }
  }

  readonly #onValidated = (validated: StandardResult<unknown>): void => {
    if (validated.issues) {
      const issue = describeIssues(validated.issues, { mostIssues: 1 });
      const why = `does not match its schema${issue === '' ? '' : `: ${issue}`}`;
      this.reject(this.#invalidResponse(why, validated.issues));
      return;
    }
    this.#onSettled();
    this.#settle.resolve(validated.value);
  };

  readonly #onValidationError = (error: unknown): void => {
    this.reject(this.#invalidResponse('could not be validated: its schema threw', error));
  };

  #invalidResponse(why: string, cause?: unknown): PeerError {
    const what = `the response of ${this.#connection.address} to '${this.#method.name}' ${why}`;
    return rpcError('P2P_ERR_INVALID_RESPONSE', what, cause === undefined ? undefined : { cause });
  }
}

/** The error of a call whose signal aborted; `cause` is the reason of the signal. */
export function callAborted({ name }: Method, signal: AbortSignal): PeerError {
  return aborted(`the call of '${name}'`, signal);
}

/** The error of a call whose connection has ended; `cause` is the reason. */
export function disconnected({ address }: Connection, reason: DisconnectReason): PeerError {
  const what = `the connection with ${address} has ended: ${describeReason(reason)}`;
  return new PeerError('P2P_ERR_DISCONNECTED', what, { cause: reason });
}
