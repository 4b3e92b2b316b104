/// <reference types="node" preserve="true" />
/**
 * Parts for tests: time that stands still until it is told to move, and randomness that repeats. A network without sockets
 * is `memoryTransport` of `@pea2pea/core`.
 *
 * @packageDocumentation
 */
export { ControlledClock } from './mechanisms/controlled-clock.js';
export { seededRandom } from './mechanisms/seeded-random.js';
