/// <reference types="node" preserve="true" />
/**
 * Metrics and traces for OpenTelemetry, over `@opentelemetry/api`.
 *
 * @packageDocumentation
 */
export { opentelemetry, OpenTelemetry } from './opentelemetry/opentelemetry.js';
export { OPENTELEMETRY_DEFAULTS } from './opentelemetry/options.js';
export type { OpenTelemetryOptions, PeerTraceContext, SpanKinds } from './opentelemetry/options.js';
