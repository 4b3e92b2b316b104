import { memberOf } from './member-of.js';
import type { Envelope } from './envelope.js';

/**
 * Where a request stands in a trace, as W3C Trace Context has it (https://www.w3.org/TR/trace-context/).
 *
 * note: one from a peer says what the peer wants it to say.
 */
export interface TraceContext {
  /** Version, id of the trace, id of the span that is the parent, flags: 55 characters. */
  readonly traceparent: string;
  /** What tracing systems have added, at most 512 characters. */
  readonly tracestate?: string;
}

/**
 * Where a request carries its trace context.
 *
 * - `'request'`: as the members `traceparent` and `tracestate` of the request.
 * - `'meta'`: as members of `_meta` in its params; params that are a list cannot carry it.
 */
export type TracePlace = 'request' | 'meta';

/** What version 00 has; later versions may have more at the end. */
const TRACEPARENT_LENGTH = 55;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** The length that every system has to carry. */
const MAX_TRACESTATE_LENGTH = 512;
const TRACESTATE = /^[\t\x20-\x7e]+$/;

/** The trace context in `holder`; undefined where there is none, or one that is malformed. A tracestate that is, is left out. */
export function traceContextIn(holder: unknown): TraceContext | undefined {
  const traceparent = memberOf(holder, 'traceparent');
  if (traceparent === undefined || !isTraceparent(traceparent)) return undefined;
  const known = traceparent.length === TRACEPARENT_LENGTH ? traceparent : asVersion0(traceparent);
  const tracestate = memberOf(holder, 'tracestate');
  return isTracestate(tracestate) ? { traceparent: known, tracestate } : { traceparent: known };
}

/** The trace context of a request that arrived. */
export function traceOf(request: Envelope, place: TracePlace | undefined): TraceContext | undefined {
  if (place === undefined) return undefined;
  return traceContextIn(place === 'request' ? request : memberOf(request.params, '_meta'));
}

/** `request` with a trace context, where there is one and `place` has room for it. */
export function withTrace(
  request: Envelope,
  trace: TraceContext | undefined,
  place: TracePlace | undefined,
): Envelope {
  if (trace === undefined || place === undefined) return request;
  if (place === 'request') return { ...request, ...trace };
  const { params = {} } = request;
  if (typeof params !== 'object' || params === null || Array.isArray(params)) return request;
  const meta = memberOf(params, '_meta') as object | undefined;
  return { ...request, params: { ...params, _meta: { ...meta, ...trace } } };
}

function isTraceparent(value: unknown): value is string {
  if (typeof value !== 'string' || value.length < TRACEPARENT_LENGTH) return false;
  if (value.length === TRACEPARENT_LENGTH) return TRACEPARENT.test(value);
  return (
    value.length <= MAX_TRACESTATE_LENGTH &&
    !value.startsWith('00') &&
    value[TRACEPARENT_LENGTH] === '-' &&
    TRACEPARENT.test(value.slice(0, TRACEPARENT_LENGTH))
  );
}

/** What version 00 knows of a later one. */
function asVersion0(traceparent: string): string {
  return `00${traceparent.slice(2, TRACEPARENT_LENGTH)}`;
}

function isTracestate(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TRACESTATE_LENGTH && TRACESTATE.test(value);
}
