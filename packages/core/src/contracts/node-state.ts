/**
 * - `idle`: made, hooks may be added.
 * - `open`: started, by itself or with the first `listen` or `connect`.
 * - `closing`, `closed`: `close()` was called; nothing new begins.
 */
export type NodeState = 'idle' | 'open' | 'closing' | 'closed';
