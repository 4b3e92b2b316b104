/**
 * The error codes of JSON-RPC 2.0, section 5.1, which reserves those from -32768 to -32000: use others for your own errors.
 *
 * note: -32700, a parse error, is never sent: a frame that the codec cannot read ends the connection.
 */
export const RPC_CODES = {
  /** The message is not a valid request, or its id is in use. */
  invalidRequest: -32600,
  /** The peer does not serve this method. */
  methodNotFound: -32601,
  /** The params do not match their schema. */
  invalidParams: -32602,
  /** The method failed, or its response could not be encoded. */
  internalError: -32603,
  /** The peer is serving `maxConcurrent` requests. This code is in the range that the standard leaves to servers. */
  tooManyRequests: -32000,
} as const;

/** What a response has in common with its request. */
export type RequestId = string | number | null;

/** The `error` of a response. */
export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** The outcome in a response: a result, or an error. */
export type Answer = { readonly result: unknown } | { readonly error: RpcFailure };

/** A request; a notification if it has no id. */
export interface IncomingRequest {
  readonly kind: 'request';
  readonly id: RequestId | undefined;
  readonly method: string;
  readonly params: object | undefined;
}

/** A message of the peer, by its kind. */
export type Incoming =
  | IncomingRequest
  /** `answer` is undefined if it is not valid; `id` may be anything. */
  | { readonly kind: 'response'; readonly id: unknown; readonly answer: Answer | undefined }
  /** Neither, and why; to be refused. */
  | { readonly kind: 'invalid'; readonly id: RequestId; readonly why: string };

/** An object that claims to be JSON-RPC 2.0. Its other members are not checked. */
export interface Envelope {
  readonly jsonrpc: '2.0';
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** A batch, which we do not serve. */
export type Batch = readonly [Envelope, ...unknown[]];

/** Longer ids, in UTF-16 code units, are refused, so that what is kept for a request is small. */
const MAX_ID_LENGTH = 128;

/** Whether `message` is JSON-RPC: an envelope, or a batch, which is an array that begins with an envelope. */
export function isForUs(message: unknown): message is Envelope | Batch {
  return isEnvelope(Array.isArray(message) ? message[0] : message);
}

/**
 * Tells what kind of message `message` is.
 *
 * ```text
 *   has a method               request, or notification without an id
 *   has a result or an error   response
 *   anything else              invalid; so is a batch
 * ```
 *
 * note: some implementations send `params: null`, or `error: null` beside a result; null counts as missing there.
 */
export function readEnvelope(message: Envelope | Batch): Incoming {
  if (isBatch(message))
    return { kind: 'invalid', id: null, why: 'batches are not supported: send the requests one by one' };
  const { id, method, params } = message;
  if (method === undefined && ('result' in message || 'error' in message)) {
    return { kind: 'response', id, answer: answerIn(message) };
  }
  if (id !== undefined && !isId(id)) {
    const why = `the id must be a finite number, or a string of at most ${MAX_ID_LENGTH} characters`;
    return { kind: 'invalid', id: null, why };
  }
  const invalid = (why: string): Incoming => ({ kind: 'invalid', id: id ?? null, why });
  if (typeof method !== 'string') return invalid('the method must be a string');
  if (params === undefined || params === null) return { kind: 'request', id, method, params: undefined };
  if (typeof params !== 'object') return invalid('the params must be an object or an array');
  return { kind: 'request', id, method, params };
}

/** A request to send; a notification if `id` is undefined. */
export function requestOf(id: number | undefined, method: string, params: unknown): Envelope {
  return {
    jsonrpc: '2.0',
    ...(id !== undefined && { id }),
    method,
    ...(params !== undefined && { params }),
  };
}

/** A response to send. */
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

/** The outcome in a response; undefined if it has both a result and an error, neither, or an error that is not valid. */
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
