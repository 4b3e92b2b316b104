import type { MessageDiagnostic } from '@pea2pea/core';
import type { AnyNode } from '../snapshot/observed.js';
import { SampledCalls } from './sampled-calls.js';

/** Whether a handler was done, or threw. */
export type HandlerOutcome = 'done' | 'failed';

/**
 * Times the `onMessage` of nodes, from its call to the end of its promise; a sample, where there are many.
 *
 * @param told called for each, with seconds
 * @returns what ends it
 */
export function timeHandlers(
  nodes: readonly AnyNode[],
  told: (node: string, seconds: number, outcome: HandlerOutcome) => void,
): () => void {
  const clocks = new Map(nodes.map(({ name, config }) => [name, config.clock]));
  const calls = new SampledCalls<MessageDiagnostic>('pea2pea:message', {
    clockOf: ({ node }) => clocks.get(node),
    told: ({ node }, seconds, hasFailed) => told(node, seconds, hasFailed ? 'failed' : 'done'),
  });
  return () => calls.end();
}
