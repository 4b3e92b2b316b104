/** The error codes of JSON-RPC 2.0, section 5.1, which reserves those from -32768 to -32000: use others for your own errors. */
export const RPC_CODES = {
  /** A frame could not be read, and its codec delivers such frames: `json(framing, { unreadable: 'deliver' })`. */
  parseError: -32700,
  /** The message is not a valid request, or its id is in use. */
  invalidRequest: -32600,
  /** The peer does not serve this method. */
  methodNotFound: -32601,
  /** The params do not match their schema. */
  invalidParams: -32602,
  /** The method failed, or its response could not be encoded. */
  internalError: -32603,
  /** The peer is busy, and was told to refuse what is too much. This code is in the range that the standard leaves to servers. */
  tooManyRequests: -32000,
  /** The peer is closing and begins no more requests. This code is in the range that the standard leaves to servers. */
  closing: -32001,
  /** The caller cancelled the request, and its method gave up. The code is that of LSP; a dialect may have another. */
  cancelled: -32800,
} as const;

/** The version of JSON-RPC. */
export type RpcVersion = '1.0' | '2.0';

/** What a response has in common with its request. */
export type RequestId = string | number | bigint | null;

/** The `error` of a response. */
export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** The outcome in a response: a result, or an error. */
export type Answer = { readonly result: unknown } | { readonly error: RpcFailure };

/** A message of the peer, by its kind. */
export type Incoming =
  /** A notification, if its id is undefined. */
  | {
      readonly kind: 'request';
      readonly version: RpcVersion;
      readonly id: RequestId | undefined;
      readonly method: string;
      readonly params: object | undefined;
    }
  /** `answer` is undefined if it is not valid; `id` may be anything. */
  | { readonly kind: 'response'; readonly id: unknown; readonly answer: Answer | undefined }
  /** Neither, and why; to be refused, unless it has the id of a call and no method: then it is a response without a result. */
  | { readonly kind: 'invalid'; readonly id: RequestId; readonly why: string; readonly hasMethod: boolean };

/** An object that may be JSON-RPC. Its members are not checked. */
export interface Envelope {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Longer ids, in characters, are refused, so that what is kept for a request is small. */
const MAX_ID_LENGTH = 128;
const MAX_ID = 10n ** BigInt(MAX_ID_LENGTH);

/** The code of an error that JSON-RPC 2.0 does not know, as that of a peer that speaks 1.0. */
const NO_CODE = 0;

/** Whether `message` is an object that claims to be JSON-RPC 2.0. */
export function isEnvelope(message: unknown): message is Envelope {
  return typeof message === 'object' && message !== null && (message as Envelope).jsonrpc === '2.0';
}

/** Whether `message` is what JSON-RPC 1.0 has: a request with an id, or a response with result, error and id. */
export function isOldEnvelope(message: unknown): message is Envelope {
  if (typeof message !== 'object' || message === null) return false;
  const { jsonrpc, method, params } = message as Envelope;
  if (jsonrpc !== undefined || !('id' in message)) return false;
  return (
    isOldResponse(message) || (typeof method === 'string' && (params === undefined || Array.isArray(params)))
  );
}

/** Whether `message` is a response of JSON-RPC 1.0, which has both a result and an error, one of them null. */
export function isOldResponse(message: unknown): message is Envelope {
  return (
    typeof message === 'object' &&
    message !== null &&
    (message as Envelope).jsonrpc === undefined &&
    'id' in message &&
    'result' in message &&
    'error' in message
  );
}

/**
 * Tells what kind of message `message` is.
 *
 * ```text
 *   has a method               request, or notification without an id
 *   has a result or an error   response
 *   anything else              invalid
 * ```
 *
 * note: some implementations send `params: null`, or `error: null` beside a result; null counts as missing there.
 */
export function readEnvelope(message: Envelope): Incoming {
  const { id, method, params } = message;
  if (method === undefined && ('result' in message || 'error' in message)) {
    return { kind: 'response', id, answer: answerIn(message) };
  }
  const hasMethod = method !== undefined;
  if (id !== undefined && !isId(id)) {
    const why = `the id must be a finite number, or a string of at most ${MAX_ID_LENGTH} characters`;
    return { kind: 'invalid', id: null, why, hasMethod };
  }
  if (typeof method !== 'string')
    return { kind: 'invalid', id: id ?? null, why: 'the method must be a string', hasMethod };
  if (params === undefined || params === null)
    return { kind: 'request', version: '2.0', id, method, params: undefined };
  if (typeof params !== 'object')
    return { kind: 'invalid', id: id ?? null, why: 'the params must be an object or an array', hasMethod };
  return { kind: 'request', version: '2.0', id, method, params };
}

/** As {@link readEnvelope}, for a message of JSON-RPC 1.0: an id of null is that of a notification. */
export function readOldEnvelope(message: Envelope): Incoming {
  const { id, method, params, result, error } = message;
  if (typeof method !== 'string') {
    return { kind: 'response', id, answer: error === null ? { result } : { error: oldFailure(error) } };
  }
  if (!isId(id)) return readEnvelope(message);
  return {
    kind: 'request',
    version: '1.0',
    id: id ?? undefined,
    method,
    params: unwrapped(params as readonly unknown[] | undefined),
  };
}

/** A request to send; a notification if `id` is undefined. */
export function requestOf(
  version: RpcVersion,
  id: number | undefined,
  method: string,
  params: unknown,
): Envelope {
  if (version === '1.0') {
    // All three are always there.
    return { method, params: wrapped(params), id: id ?? null };
  }
  if (id === undefined)
    return params === undefined ? { jsonrpc: '2.0', method } : { jsonrpc: '2.0', method, params };
  return params === undefined ? { jsonrpc: '2.0', id, method } : { jsonrpc: '2.0', id, method, params };
}

/** A response to send. */
export function responseOf(version: RpcVersion, id: RequestId, answer: Answer): Envelope {
  // Spelled out, as spreading takes several times as long.
  if ('error' in answer) {
    const { error } = answer;
    return version === '2.0' ? { jsonrpc: '2.0', id, error } : { id, result: null, error: error.message };
  }
  const { result } = answer;
  return version === '2.0' ? { jsonrpc: '2.0', id, result } : { id, result, error: null };
}

export function failure(code: number, message: string, data?: unknown): { readonly error: RpcFailure } {
  return { error: data === undefined ? { code, message } : { code, message, data } };
}

/** Whether `id` may be that of a request. */
export function isId(id: unknown): id is RequestId {
  if (typeof id === 'string') return id.length <= MAX_ID_LENGTH;
  if (typeof id === 'bigint') return id < MAX_ID && id > -MAX_ID;
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

/** JSON-RPC 1.0 does not say what an error looks like: Go sends a string. */
function oldFailure(error: unknown): RpcFailure {
  if (isFailure(error)) return error;
  return {
    code: NO_CODE,
    message: typeof error === 'string' ? error : 'an error of JSON-RPC 1.0',
    data: error,
  };
}

/** The params of JSON-RPC 1.0 are a list: an object becomes its only member. */
function wrapped(params: unknown): readonly unknown[] {
  if (params === undefined) return [];
  return Array.isArray(params) ? params : [params];
}

/** The reverse of {@link wrapped}. */
function unwrapped(params: readonly unknown[] | undefined): object | undefined {
  if (params === undefined || params.length === 0) return undefined;
  const [first] = params;
  return params.length === 1 && typeof first === 'object' && first !== null && !Array.isArray(first)
    ? first
    : params;
}
