import { requireFunction, requireSignal, requireTimeout } from '@pea2pea/core/authoring';
import { callAborted, type CallTerms } from './call.js';
import type { Method } from './method.js';
import { traceContextIn, type TraceContext } from './trace-context.js';

/** Options of one call. */
export interface CallOptions {
  /** Ends the call when it aborts; the peer is told as the `dialect` has it. @default none */
  readonly signal?: AbortSignal;
  /** How long to wait for the response, in milliseconds; the peer is told when it is over. @default `timeoutMs` of the plugin */
  readonly timeoutMs?: number;
  /**
   * Called with what the peer says about how far it is. Asking for it puts a token into the params, as the `dialect` has it.
   *
   * note: what it throws is logged. The deadline does not begin anew.
   * @default none
   */
  readonly onProgress?: (value: unknown) => void;
  /**
   * The trace context that the request carries, if the `dialect` has a place for it.
   *
   * note: one that is malformed is not sent. A subscriber of the tracing channel `pea2pea:rpc:call` may set another.
   * @default none
   */
  readonly trace?: TraceContext;
}

/** The arguments of `Requests.call` after the method: params may be left out if the method has none. */
export type CallArguments<SentParams> = undefined extends SentParams
  ? [params?: SentParams, options?: CallOptions]
  : [params: SentParams, options?: CallOptions];

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG, or P2P_ERR_ABORTED where the signal has aborted */
export function resolveTerms(options: CallOptions, method: Method, defaultTimeoutMs: number): CallTerms {
  const { signal, timeoutMs = defaultTimeoutMs, onProgress, trace } = options;
  requireTimeout('timeoutMs', timeoutMs);
  if (signal !== undefined) requireSignal('signal', signal);
  if (onProgress !== undefined) requireFunction('onProgress', onProgress);
  if (signal?.aborted === true) throw callAborted(method, signal);
  return { timeoutMs, signal, onProgress, trace: trace === undefined ? undefined : traceContextIn(trace) };
}
