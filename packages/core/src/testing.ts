/// <reference types="node" preserve="true" />
/**
 * Parts for tests: time that stands still until it is told to move, randomness that repeats, and a
 * network without sockets.
 *
 * @packageDocumentation
 */
export { ControlledClock } from './mechanisms/controlled-clock.js';
export { seededRandom } from './mechanisms/seeded-random.js';
export { memoryTransport } from './mechanisms/memory-transport.js';
