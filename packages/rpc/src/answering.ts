import { PeerError, type Connection, type Logger, type StandardResult, type OfNode } from '@pea2pea/core';
import {
  describe,
  isPromise,
  peerFields,
  plainIssues,
  readData,
  runSchema,
  traced,
} from '@pea2pea/core/authoring';
import type { Tally } from './counters.js';
import { rpcDiagnostics, type ServeDiagnostic } from './diagnostics.js';
import { failure, RPC_CODES, type Answer } from './envelope.js';
import type { Handler } from './handler.js';
import type { IncomingRequest } from './incoming-request.js';
import { RequestError } from './request-error.js';

/** What serving a request needs from its node. */
export interface AnsweringContext {
  readonly about: OfNode;
  /** By the name of the method that they serve. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly counters: Tally;
  readonly logger: Logger;
}

export const INTERNAL_ERROR = failure(RPC_CODES.internalError, 'internal error');

/** Nobody waits for the result any more, and the method was not called. */
const NOT_CALLED = new PeerError('P2P_ERR_ABORTED', 'the request was given up before its method was called');

/** What the method of `request` makes of it. Never throws, never rejects. */
export function answerTo(
  request: IncomingRequest,
  connection: Connection,
  context: AnsweringContext,
): Answer | Promise<Answer> {
  const { handlers, counters } = context;
  const handler = handlers.get(request.method);
  if (handler === undefined) {
    counters.refused++;
    return failure(RPC_CODES.methodNotFound, 'method not found');
  }
  request.handler = handler;
  counters.served++;
  try {
    const result = rpcDiagnostics.serve.hasSubscribers
      ? traced(rpcDiagnostics.serve, eventOf(request, connection, context), () =>
          begin(handler, request, connection),
        )
      : begin(handler, request, connection);
    if (!isPromise(result)) return success(result);
    return Promise.resolve(result)
      .then(success)
      .catch((error: unknown) => failed(context, connection, request, error));
  } catch (error) {
    return failed(context, connection, request, error);
  }
}

function eventOf(
  { method, version, id, trace }: IncomingRequest,
  connection: Connection,
  { about }: AnsweringContext,
): ServeDiagnostic {
  return { ...about, connection, method, version, id, trace };
}

/** What the method returns, once the params are validated. @throws RequestError for those that are not valid, and what the method throws */
function begin(handler: Handler, request: IncomingRequest, connection: Connection): unknown {
  const { params: schema, name } = handler.method;
  const validated =
    schema === undefined ? { value: request.params } : runSchema(schema, request.params, name);
  return isPromise(validated)
    ? validated.then((settled) => call(handler, request, connection, settled))
    : call(handler, request, connection, validated);
}

/** @throws what the method throws */
function call(
  handler: Handler,
  request: IncomingRequest,
  connection: Connection,
  validated: StandardResult<unknown>,
): unknown {
  if (validated.issues)
    throw new RequestError(RPC_CODES.invalidParams, 'invalid params', plainIssues(validated.issues));
  // The peer may have left, or given up, during an asynchronous validation: as with messages, no handler starts then.
  if (connection.state !== 'open' || request.isCancelled) throw NOT_CALLED;
  return handler.call(validated.value, connection, request);
}

/** The error response for what a handler threw: without details, unless it is a RequestError made for the caller. */
function failed(
  context: AnsweringContext,
  connection: Connection,
  request: IncomingRequest,
  error: unknown,
): Answer {
  if (RequestError.is(error) && readData(error, 'from') === undefined) {
    return failure(error.rpcCode, error.rpcMessage, readData(error, 'data'));
  }
  if (error === NOT_CALLED) return INTERNAL_ERROR;
  const what = 'a request failed: its method threw';
  logFailure(context, connection, request, error, what);
  return INTERNAL_ERROR;
}

/** Logs the error of a handler; for debugging only if nobody waits any more, which most such errors are about. */
export function logFailure(
  { logger }: AnsweringContext,
  connection: Connection,
  { handler, isCancelled }: IncomingRequest,
  error: unknown,
  text: string,
): void {
  if (handler === undefined) return;
  const fields = { ...peerFields(connection), method: handler.name, err: error };
  if (connection.state !== 'open' || isCancelled) logger.debug(fields, text);
  else handler.log.run((suppressed) => logger.error({ ...fields, times: suppressed + 1 }, text));
}

/** @throws {TypeError} for what no codec can encode: `json()` would leave it out, and the call would time out */
function success(result: unknown): Answer {
  if (typeof result === 'function' || typeof result === 'symbol') {
    throw new TypeError(`the method returned ${describe(result)}`);
  }
  return { result: result === undefined ? null : result };
}
