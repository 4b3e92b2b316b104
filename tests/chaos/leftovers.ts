import type { CloseReport } from '@pea2pea/core';
import type { ChaosNode } from './chaos-node.js';

/** How long streams that are destroyed may take to close, in `close()`. */
const STREAM_CLOSE_MS = 250;

/**
 * What a node still has at the moment when its `close()` resolved.
 *
 * @param pulls calls of `next()` that have not settled: each may wait for the end of a turn, with what was left for it
 */
export function leftovers({ node, tap, clock }: ChaosNode, pulls: number): readonly string[] {
  const { connections, connecting, bufferedBytes, state, address } = node;
  const left: readonly (readonly [string, unknown, unknown])[] = [
    ['state', state, 'closed'],
    ['address', address, undefined],
    ['connections', connections.size, 0],
    ['connecting', connecting, 0],
    ['bufferedBytes', bufferedBytes, 0],
    ['timers', clock.pending - Math.min(clock.turns, pulls), 0],
    ['open streams', tap.held, 0],
    ['open listeners', tap.listening, 0],
    ['dials under way', tap.dialling, 0],
  ];
  return left
    .filter(([, value, expected]) => value !== expected)
    .map(([what, value]) => `after close() ${what}: ${String(value)}`);
}

/** What is wrong with the report of a `close()`. */
export function reportErrors(
  { tap }: ChaosNode,
  { elapsedMs, cut }: CloseReport,
  timeoutMs: number,
  toleranceMs: number,
): readonly string[] {
  const found: string[] = [];
  if (elapsedMs > timeoutMs + STREAM_CLOSE_MS + toleranceMs) {
    found.push(`close() took ${elapsedMs} ms, ${timeoutMs} were allowed`);
  }
  const named = cut.some(({ what }) => what === 'stream');
  if (tap.unclosed > 0 && !named) found.push(`close() left ${tap.unclosed} streams and did not say so`);
  return found;
}
