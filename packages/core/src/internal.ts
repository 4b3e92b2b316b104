/**
 * For the sibling packages and their tests, not for users: it may change in any release.
 *
 * @packageDocumentation
 */
export { ChunkQueue } from './mechanisms/byte-queue.js';
export { SlabSink } from './mechanisms/byte-sink.js';
export { SlabPool } from './mechanisms/slab-pool.js';
