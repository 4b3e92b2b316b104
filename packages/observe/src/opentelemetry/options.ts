import { metrics, trace, type Attributes, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import type { Connection } from '@pea2pea/core';
import {
  requireBoolean,
  requireFunction,
  requireKnown,
  requireMethods,
  requireObject,
  requireOneOf,
} from '@pea2pea/core/authoring';

/** What there are spans for. */
export interface SpanKinds {
  /** Dials, with their handshake. @default true */
  readonly dials?: boolean;
  /** Handshakes: `onAccept` and `onHandshake`. @default true */
  readonly handshakes?: boolean;
  /** Calls of `@pea2pea/rpc`, and the methods that serve them. @default true */
  readonly requests?: boolean;
  /** Messages: `onMessage`. One span a message is a lot. @default false */
  readonly messages?: boolean;
}

/**
 * What becomes of the trace context that a request of a peer carries.
 *
 * - `'parent'`: its span belongs to the trace of the caller.
 * - `'link'`: its span begins a trace of its own, and links to that of the caller.
 * - `'ignore'`: nothing.
 */
export type PeerTraceContext = 'parent' | 'link' | 'ignore';

/** What is measured and traced, and where it goes. */
export interface OpenTelemetryOptions {
  /** Where metrics go. @default the one that is registered with `@opentelemetry/api` when `opentelemetry()` is called */
  readonly meterProvider?: MeterProvider;
  /** Where spans go. @default the one that is registered with `@opentelemetry/api` */
  readonly tracerProvider?: TracerProvider;
  /** Whether there are metrics. @default true */
  readonly metrics?: boolean;
  /** What there are spans for; false for nothing. */
  readonly spans?: SpanKinds | false;
  /** Whether calls carry the trace context of their span to the peer, where the `dialect` has a place for it. @default true */
  readonly sendTraceContext?: boolean;
  /**
   * What becomes of the trace context of peers.
   *
   * note: a peer chooses what is in it: the trace, and whether a sampler that heeds parents records it. For strangers, take `'link'`.
   * @default 'parent'
   */
  readonly peerTraceContext?: PeerTraceContext;
  /** Whether spans have the address of the peer. Metrics never have it. @default true */
  readonly addresses?: boolean;
  /**
   * Attributes that spans about a connection and the times of handlers and requests have besides.
   *
   * note: each combination of their values costs a series of the metrics: nothing that a peer chooses, such as its address or identity,
   * is bounded.
   * @default none
   */
  readonly attributes?: (connection: Connection) => Attributes;
}

/** Every option that has a value of its own as default. The docs quote this object. */
export const OPENTELEMETRY_DEFAULTS = {
  metrics: true,
  spans: { dials: true, handshakes: true, requests: true, messages: false },
  sendTraceContext: true,
  peerTraceContext: 'parent',
  addresses: true,
} as const;

const NO_SPANS = { dials: false, handshakes: false, requests: false, messages: false };

/** The options, complete. */
export interface ResolvedOptions {
  readonly meterProvider: MeterProvider;
  readonly tracerProvider: TracerProvider;
  readonly metrics: boolean;
  readonly spans: Required<SpanKinds>;
  readonly sendTraceContext: boolean;
  readonly peerTraceContext: PeerTraceContext;
  readonly addresses: boolean;
  readonly attributes: ((connection: Connection) => Attributes) | undefined;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveOptions(options: OpenTelemetryOptions): ResolvedOptions {
  const known = ['meterProvider', 'tracerProvider', 'attributes', ...Object.keys(OPENTELEMETRY_DEFAULTS)];
  requireKnown('the options of opentelemetry()', options, known);
  const {
    meterProvider = metrics.getMeterProvider(),
    tracerProvider = trace.getTracerProvider(),
    attributes,
  } = options;
  requireMethods('meterProvider', meterProvider, ['getMeter']);
  requireMethods('tracerProvider', tracerProvider, ['getTracer']);
  if (attributes !== undefined) requireFunction('attributes', attributes);
  const { sendTraceContext, peerTraceContext, addresses } = OPENTELEMETRY_DEFAULTS;
  return {
    meterProvider,
    tracerProvider,
    attributes,
    metrics: requireBoolean('metrics', options.metrics ?? OPENTELEMETRY_DEFAULTS.metrics),
    spans: options.spans === false ? NO_SPANS : resolveSpans(options.spans ?? {}),
    sendTraceContext: requireBoolean('sendTraceContext', options.sendTraceContext ?? sendTraceContext),
    peerTraceContext: requireOneOf('peerTraceContext', options.peerTraceContext ?? peerTraceContext, [
      'parent',
      'link',
      'ignore',
    ]),
    addresses: requireBoolean('addresses', options.addresses ?? addresses),
  };
}

function resolveSpans(spans: SpanKinds): Required<SpanKinds> {
  const defaults = OPENTELEMETRY_DEFAULTS.spans;
  requireObject('spans', spans);
  requireKnown('`spans`', spans, Object.keys(defaults));
  const all = { ...defaults, ...spans };
  for (const [name, value] of Object.entries(all)) requireBoolean(`spans.${name}`, value);
  return all;
}
