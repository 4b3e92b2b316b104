import type { PeerError } from '@pea2pea/core';
import { type Connection, type StandardResult } from '@pea2pea/core';
import { aborted, describeIssues, isPromise, markHandled, runSchema } from '@pea2pea/core/authoring';
import type { Expiring } from './deadlines.js';
import type { Answer } from './envelope.js';
import { rpcError } from './errors.js';
import type { TraceContext } from './trace-context.js';
import type { Method } from './method.js';
import { RequestError } from './request-error.js';

/** The options of one call, with defaults filled in. */
export interface CallTerms {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((value: unknown) => void) | undefined;
  readonly trace: TraceContext | undefined;
}

/** Who has a call, and is told when it is over. */
export interface CallOwner {
  readonly connection: Connection;
  /** The call has settled. */
  forget(call: Call): void;
  /** The call was given up on this side before its response came. */
  abandon(call: Call): void;
}

/** One call, until it settles. */
export class Call implements Expiring {
  readonly promise: Promise<unknown>;
  readonly method: Method;
  readonly params: unknown;
  readonly terms: CallTerms;
  dueMs: number;
  /** The id of its request; 0 until that was sent. */
  id = 0;
  isSettled = false;
  /** What waits for its signal, if it has one: most calls have none, and no function of their own. */
  onAbort: (() => void) | undefined;
  readonly #owner: CallOwner;
  #settle!: { readonly resolve: (result: unknown) => void; readonly reject: (error: unknown) => void };

  constructor(owner: CallOwner, method: Method, params: unknown, terms: CallTerms, dueMs: number) {
    this.#owner = owner;
    this.method = method;
    this.params = params;
    this.terms = terms;
    this.dueMs = dueMs;
    this.promise = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    void markHandled(this.promise);
  }

  get timeoutMs(): number {
    return this.terms.timeoutMs;
  }

  /** Settles the call with its response, once the result is validated. */
  answer(answer: Answer | undefined): void {
    const { address } = this.#owner.connection;
    if (answer === undefined) {
      this.reject(this.#invalidResponse('is not a valid response of JSON-RPC 2.0'));
    } else if ('error' in answer) {
      const { code, message, data } = answer.error;
      this.reject(new RequestError(code, message, data, address));
    } else {
      this.#validate(answer.result);
    }
  }

  /** The response is one of JSON-RPC 1.0, and this node does not speak that. */
  answerOld(): void {
    this.reject(this.#invalidResponse("is one of JSON-RPC 1.0: set `version: '1.0'` for such peers"));
  }

  /** Its signal aborted. */
  abort(signal: AbortSignal): void {
    this.#owner.abandon(this);
    this.reject(callAborted(this.method, signal));
  }

  expire(): void {
    const { address } = this.#owner.connection;
    const wasSent = this.id > 0;
    this.#owner.abandon(this);
    const what = wasSent
      ? `${address} did not respond to '${this.method.name}' within ${this.timeoutMs} ms`
      : `there was no room to send '${this.method.name}' to ${address} within ${this.timeoutMs} ms`;
    this.reject(rpcError('P2P_ERR_REQUEST_TIMEOUT', what));
  }

  reject(error: unknown): void {
    this.isSettled = true;
    this.#owner.forget(this);
    this.#settle.reject(error);
  }

  #validate(result: unknown): void {
    try {
      const { result: schema, name } = this.method;
      const validated = schema === undefined ? { value: result } : runSchema(schema, result, name);
      if (isPromise(validated)) this.#awaitValidation(validated);
      else this.#onValidated(validated);
    } catch (error) {
      this.#onValidationError(error);
    }
  }

  #awaitValidation(validated: Promise<StandardResult<unknown>>): void {
    validated
      .then((settled) => this.#onValidated(settled))
      .catch((error: unknown) => this.#onValidationError(error));
  }

  #onValidated(validated: StandardResult<unknown>): void {
    if (validated.issues) {
      const issue = describeIssues(validated.issues, { mostIssues: 1 });
      const why = `does not match its schema${issue === '' ? '' : `: ${issue}`}`;
      this.reject(this.#invalidResponse(why, validated.issues));
      return;
    }
    this.isSettled = true;
    this.#owner.forget(this);
    this.#settle.resolve(validated.value);
  }

  #onValidationError(error: unknown): void {
    this.reject(this.#invalidResponse('could not be validated: its schema threw', error));
  }

  #invalidResponse(why: string, cause?: unknown): PeerError {
    const what = `the response of ${this.#owner.connection.address} to '${this.method.name}' ${why}`;
    return rpcError('P2P_ERR_INVALID_RESPONSE', what, cause === undefined ? undefined : { cause });
  }
}

/** The error of a call whose signal aborted; `cause` is the reason of the signal. */
export function callAborted({ name }: Method, signal: AbortSignal): PeerError {
  return aborted(`the call of '${name}'`, signal);
}
