import { tracingChannel } from 'node:diagnostics_channel';
import type { AnyNode } from '../snapshot/observed.js';

/** Whether a handler was done, or threw. */
export type HandlerOutcome = 'done' | 'failed';

/** The event of a message, with the time at which its handler began. */
interface TracedMessage {
  readonly node: string;
  readonly error?: unknown;
  readonly result?: unknown;
}

/**
 * Times the `onMessage` of nodes, from its call to the end of its promise.
 *
 * @param told called for each, with seconds
 * @returns what ends it
 */
export function timeHandlers(
  nodes: readonly AnyNode[],
  told: (node: string, seconds: number, outcome: HandlerOutcome) => void,
): () => void {
  const clocks = new Map(nodes.map(({ name, config }) => [name, config.clock]));
  const began = new WeakMap<object, number>();
  const over = (event: TracedMessage): void => {
    const clock = clocks.get(event.node);
    const startMs = began.get(event);
    if (clock === undefined || startMs === undefined) return;
    began.delete(event);
    told(event.node, (clock.now() - startMs) / 1_000, 'error' in event ? 'failed' : 'done');
  };
  const subscribers = {
    start: (event: unknown) => {
      const clock = clocks.get((event as TracedMessage).node);
      if (clock !== undefined) began.set(event as object, clock.now());
    },
    end: (event: unknown) => {
      // Without a result or an error there is a promise.
      if ('result' in (event as object) || 'error' in (event as object)) over(event as TracedMessage);
    },
    asyncStart: () => {},
    asyncEnd: (event: unknown) => over(event as TracedMessage),
    error: () => {},
  };
  const channel = tracingChannel('pea2pea:message');
  channel.subscribe(subscribers);
  return () => void channel.unsubscribe(subscribers);
}
