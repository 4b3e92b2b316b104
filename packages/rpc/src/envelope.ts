/**
 * The codes of JSON-RPC 2.0, section 5.1. Those from -32768 to -32000 are reserved by it: for errors of your own, use
 * others.
 *
 * note: -32700, a parse error, is never sent: a frame that the codec cannot read ends the connection.
 */
export const RPC_CODES = {
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** Of the range that is left to servers: `maxConcurrent` requests are being served. */
  tooManyRequests: -32000,
} as const;

/** Tells the response to a request from others. */
export type RequestId = string | number | null;

/** The `error` of a response. */
export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** What a response says. */
export type Answer = { readonly result: unknown } | { readonly error: RpcFailure };

/** A request, or without an id a notification. */
export interface IncomingRequest {
  readonly kind: 'request';
  readonly id: RequestId | undefined;
  readonly method: string;
  readonly params: object | undefined;
}

/** What a message of the other side is. */
export type Incoming =
  | IncomingRequest
  /** Without an answer where it has none that makes sense; with whatever it has for an id. */
  | { readonly kind: 'response'; readonly id: unknown; readonly answer: Answer | undefined }
  /** Nothing of it, and why; to be refused. */
  | { readonly kind: 'invalid'; readonly id: RequestId; readonly why: string };

/** An object that says that it is JSON-RPC 2.0, whatever else is in it. */
export interface Envelope {
  readonly jsonrpc: '2.0';
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Several at once, which we do not serve. */
export type Batch = readonly [Envelope, ...unknown[]];

/** A longer id is refused, so that what is remembered of a request is small. */
const MAX_ID_LENGTH = 128;

/** Whether `message` is one for us. A list that begins with an envelope is a batch; any other is somebody else's. */
export function isForUs(message: unknown): message is Envelope | Batch {
  return isEnvelope(Array.isArray(message) ? message[0] : message);
}

/**
 * What `message` is.
 *
 * ```text
 *   has a method               request, or notification without an id
 *   has a result or an error   response
 *   anything else              invalid; so is a batch
 * ```
 *
 * note: `params: null`, and an `error: null` beside a result, count as left out, as some implementations send them.
 */
export function readEnvelope(message: Envelope | Batch): Incoming {
  if (isBatch(message)) return { kind: 'invalid', id: null, why: 'batches are not served: send one by one' };
  const { id, method, params } = message;
  if (method === undefined && ('result' in message || 'error' in message)) {
    return { kind: 'response', id, answer: answerIn(message) };
  }
  if (id !== undefined && !isId(id)) {
    const why = `the id must be a finite number or a text of at most ${MAX_ID_LENGTH} characters`;
    return { kind: 'invalid', id: null, why };
  }
  const invalid = (why: string): Incoming => ({ kind: 'invalid', id: id ?? null, why });
  if (typeof method !== 'string') return invalid('the method must be a text');
  if (params === undefined || params === null) return { kind: 'request', id, method, params: undefined };
  if (typeof params !== 'object') return invalid('the params must be an object or a list');
  return { kind: 'request', id, method, params };
}

/** A request as it is sent; without an id a notification. */
export function requestOf(id: number | undefined, method: string, params: unknown): Envelope {
  return {
    jsonrpc: '2.0',
    ...(id !== undefined && { id }),
    method,
    ...(params !== undefined && { params }),
  };
}

/** A response as it is sent. */
export function responseOf(id: RequestId, answer: Answer): Envelope {
  return { jsonrpc: '2.0', id, ...answer };
}

function isEnvelope(message: unknown): message is Envelope {
  return (
    typeof message === 'object' && message !== null && (message as { jsonrpc?: unknown }).jsonrpc === '2.0'
  );
}

function isBatch(message: Envelope | Batch): message is Batch {
  return Array.isArray(message);
}

function isId(id: unknown): id is RequestId {
  if (typeof id === 'string') return id.length <= MAX_ID_LENGTH;
  return id === null || Number.isFinite(id);
}

/** Undefined where there is both a result and an error, neither, or an error that is none. */
function answerIn(message: Envelope): Answer | undefined {
  const { result, error } = message;
  if (error === undefined || error === null) return 'result' in message ? { result } : undefined;
  if (result !== undefined && result !== null) return undefined;
  return isFailure(error) ? { error } : undefined;
}

function isFailure(error: unknown): error is RpcFailure {
  if (typeof error !== 'object' || error === null) return false;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return Number.isSafeInteger(code) && typeof message === 'string';
}
