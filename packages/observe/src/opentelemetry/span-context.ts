import { createTraceState, isSpanContextValid, type SpanContext } from '@opentelemetry/api';

/** The trace context of a request, as `@pea2pea/rpc` has it. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** A span, for the peer; undefined where nothing is traced. */
export function traceContextOf(span: SpanContext): TraceContext | undefined {
  if (!isSpanContextValid(span)) return undefined;
  const { traceId, spanId, traceFlags, traceState } = span;
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  const tracestate = traceState?.serialize();
  return tracestate === undefined || tracestate === '' ? { traceparent } : { traceparent, tracestate };
}

/** A span of the peer. `rpc` has checked its form. */
export function spanContextOf({ traceparent, tracestate }: TraceContext): SpanContext {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  const span = { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
  return tracestate === undefined ? span : { ...span, traceState: createTraceState(tracestate) };
}
