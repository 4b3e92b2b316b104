/**
 * - `idle`: made, hooks may be added.
 * - `open`: started, by itself or with the first `listen` or `connect`.
 * - `draining`: `drain()` was called; it is not ready for new peers, and lets work finish.
 * - `closing`, `closed`: `close()` was called; nothing new begins.
 */
export type NodeState = 'idle' | 'open' | 'draining' | 'closing' | 'closed';
