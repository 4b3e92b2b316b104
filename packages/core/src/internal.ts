/// <reference types="node" preserve="true" />
/**
 * For the sibling packages and their tests, not for users: it may change in any minor release.
 *
 * @packageDocumentation
 */
export { checkMessage } from './connection/check-message.js';
export { SlabSink } from './mechanisms/byte-sink.js';
export { SlabPool } from './mechanisms/slab-pool.js';
export { ByteBudget } from './mechanisms/byte-budget.js';
export { Deadline } from './mechanisms/deadline.js';
export { FairTurns, Slice } from './mechanisms/fair-turns.js';
export { SeatedBudget } from './mechanisms/seated-budget.js';
export { StallWatch } from './mechanisms/stall-watch.js';
export { WaitingLine } from './mechanisms/waiting-line.js';
export { Sweeper } from './mechanisms/sweeper.js';
