/// <reference types="node" preserve="true" />
/**
 * Whether nodes are alive, and ready for more peers.
 *
 * @packageDocumentation
 */
export { health } from './health/health.js';
export type { Health, HealthStatus, NodeHealth } from './health/health.js';
export { healthListener } from './health/listener.js';
export type { HealthListener, HealthListenerOptions } from './health/listener.js';
