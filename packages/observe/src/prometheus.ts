/// <reference types="node" preserve="true" />
/**
 * Metrics for Prometheus, over `prom-client`.
 *
 * @packageDocumentation
 */
export { prometheus, PrometheusMetrics } from './prometheus/prometheus.js';
export type { PrometheusOptions } from './prometheus/prometheus.js';
