import { tracingChannel } from 'node:diagnostics_channel';
import type { Connection, OfNode, TracedDiagnostic } from '@pea2pea/core';
import type { AnyNode } from '../snapshot/observed.js';
import { fewNames } from './few-names.js';

/** The events that are timed, as far as they are looked at. */
export interface TimedEvent extends TracedDiagnostic, OfNode {
  /** The connection that the work is for. */
  readonly connection: Connection;
  /** The name of the method of a request: one that this side calls or serves. */
  readonly method?: string;
  /** Whether a call has no response. */
  readonly isNotification?: boolean;
}

/** A time that is measured between the events of a tracing channel. */
export interface TimeDefinition {
  /** The tracing channel. */
  readonly channel: string;
  /** Its name in Prometheus, without a prefix. */
  readonly name: string;
  /** Its name in OpenTelemetry. */
  readonly instrument: string;
  /** What it tells, in a few words. */
  readonly help: string;
  /** Whether each method has times of its own. */
  readonly hasMethod: boolean;
  /** Whether it is of a method that serves a request, whose error is not the one that the caller gets. */
  readonly isServed?: true;
  /** Whether only some of many are timed. */
  readonly isSampled?: true;
  /** The upper bounds of the buckets, in seconds. */
  readonly buckets: readonly number[];
}

/** Handlers take from a fraction of a millisecond to seconds. */
const HANDLER_BUCKETS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
/** What the semantic conventions of OpenTelemetry have for calls. */
const CALL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** All times that are measured. */
export const TIMES: readonly TimeDefinition[] = [
  {
    channel: 'pea2pea:message',
    name: 'handler_duration_seconds',
    instrument: 'pea2pea.handler.duration',
    help: 'from the call of onMessage to the end of its promise; a sample, where there are many',
    hasMethod: false,
    isSampled: true,
    buckets: HANDLER_BUCKETS,
  },
  {
    channel: 'pea2pea:rpc:call',
    name: 'rpc_client_duration_seconds',
    instrument: 'rpc.client.call.duration',
    help: 'from a call of a method of a peer to its result or error, waiting for room included',
    hasMethod: true,
    buckets: CALL_BUCKETS,
  },
  {
    channel: 'pea2pea:rpc:serve',
    name: 'rpc_server_duration_seconds',
    instrument: 'rpc.server.call.duration',
    help: 'from the start of the method that serves a request to its result or error',
    hasMethod: true,
    isServed: true,
    buckets: CALL_BUCKETS,
  },
];

/** How many names of methods are told apart: programs may make methods at run time, and each costs a series of buckets. */
const MAX_METHODS = 200;

/** One measurement. */
export interface Measurement {
  /** The event when it is over. */
  readonly event: TimedEvent;
  readonly seconds: number;
  /** The name of the method; undefined where the definition has none. */
  readonly method: string | undefined;
}

/**
 * Measures a time of nodes, from `start` of its channel until the work is over. A notification has no time: nothing comes back.
 *
 * @returns what ends it
 */
export function measure(
  nodes: readonly AnyNode[],
  { channel: name, hasMethod, isSampled }: TimeDefinition,
  told: (measurement: Measurement) => void,
): () => void {
  const clocks = new Map(nodes.map(({ inside, config }) => [inside.id, config.clock]));
  if (isSampled === true) {
    const ends = nodes.map(({ name: node, inside }) =>
      inside.timeHandlers(({ ms, ...event }) =>
        told({ event: { node, nodeId: inside.id, ...event }, seconds: ms / 1_000, method: undefined }),
      ),
    );
    return () => ends.forEach((end) => end());
  }
  const began = new WeakMap<object, number>();
  const nameOf = fewNames(MAX_METHODS);
  const over = (event: TimedEvent): void => {
    const clock = clocks.get(event.nodeId);
    const startMs = began.get(event);
    if (clock === undefined || startMs === undefined) return;
    began.delete(event);
    const method = hasMethod && event.method !== undefined ? nameOf(event.method) : undefined;
    told({ event, seconds: (clock.now() - startMs) / 1_000, method });
  };
  const subscribers = {
    start: (event: unknown) => {
      const { nodeId, isNotification } = event as TimedEvent;
      const clock = clocks.get(nodeId);
      if (clock !== undefined && isNotification !== true) began.set(event as object, clock.now());
    },
    end: (event: unknown) => {
      if (isOver(event as TimedEvent)) over(event as TimedEvent);
    },
    asyncStart: () => {},
    asyncEnd: (event: unknown) => over(event as TimedEvent),
    error: () => {},
  };
  const channel = tracingChannel(name);
  channel.subscribe(subscribers);
  return () => void channel.unsubscribe(subscribers);
}

/** Whether the work of an event is over when its `end` is told. */
export function isOver(event: TracedDiagnostic): boolean {
  return event.promise === undefined;
}
