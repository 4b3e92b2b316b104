import { COUNTERS, type CounterName } from '@pea2pea/core';
import type { CauseSnapshot, NodeSnapshot } from '../snapshot/snapshot.js';

/** A value of a metric, and what tells it from the others of that metric, besides the node. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric that is read off a snapshot. */
export interface MetricDefinition {
  /** In snake case, with the unit, without a prefix. */
  readonly name: string;
  /** What it tells, in a few words. */
  readonly help: string;
  /** Whether it only rises. */
  readonly type: 'counter' | 'gauge';
  /** What tells its values apart, besides the node: never an address or an identity. */
  readonly labels: readonly string[];
  /** Its values at that moment. */
  readonly read: (snapshot: NodeSnapshot) => readonly Sample[];
}

const one = (value: number): Sample[] => [{ labels: {}, value }];

const byDirection = (inbound: number, outbound: number): Sample[] => [
  { labels: { direction: 'inbound' }, value: inbound },
  { labels: { direction: 'outbound' }, value: outbound },
];

const byCause = (causes: readonly CauseSnapshot[], labels: Readonly<Record<string, string>> = {}): Sample[] =>
  causes.map(({ cause, count }) => ({ labels: { ...labels, cause }, value: count }));

/** All metrics that are read off snapshots: those of the traffic and the state by hand, then one for each of `COUNTERS`. */
export const METRICS: readonly MetricDefinition[] = [
  {
    name: 'connections',
    help: 'connections, by state',
    type: 'gauge',
    labels: ['state'],
    read: ({ connections: { byState } }) =>
      Object.entries(byState).map(([state, value]) => ({ labels: { state }, value })),
  },
  {
    name: 'connections_by_direction',
    help: 'connections, by who dialled',
    type: 'gauge',
    labels: ['direction'],
    read: ({ connections: { byDirection: count } }) => byDirection(count.inbound, count.outbound),
  },
  {
    name: 'connections_handling',
    help: 'connections whose onMessage has returned a promise that is pending',
    type: 'gauge',
    labels: [],
    read: ({ connections }) => one(connections.handling),
  },
  {
    name: 'connections_held_back',
    help: 'connections whose peer is slowed down',
    type: 'gauge',
    labels: [],
    read: ({ connections }) => one(connections.heldBack),
  },
  {
    name: 'setups',
    help: 'dials and handshakes under way',
    type: 'gauge',
    labels: [],
    read: ({ setups }) => one(setups.length),
  },
  {
    name: 'waiting_links',
    help: 'inbound links that wait for a setup slot',
    type: 'gauge',
    labels: [],
    read: ({ waiting }) => one(waiting),
  },
  {
    name: 'buffered_bytes',
    help: 'bytes received and not handled, or queued and not sent',
    type: 'gauge',
    labels: ['direction'],
    read: ({ buffered }) => byDirection(buffered.inboundBytes, buffered.outboundBytes),
  },
  {
    name: 'limit',
    help: 'limits of which there is one for the whole node, by option',
    type: 'gauge',
    labels: ['option'],
    read: ({ limits }) => {
      const whole = limits.filter(({ used, direction }) => used !== null && direction !== 'outbound');
      return whole.map(({ name, value }) => ({ labels: { option: name }, value }));
    },
  },
  {
    name: 'ready',
    help: '1 while the node serves; 0 while it starts, drains or closes',
    type: 'gauge',
    labels: [],
    read: ({ isReady }) => one(isReady ? 1 : 0),
  },
  {
    name: 'messages_total',
    help: 'messages received, and messages handed to the operating system',
    type: 'counter',
    labels: ['direction'],
    read: ({ stats }) => byDirection(stats.messagesReceived, stats.messagesSent),
  },
  {
    name: 'bytes_total',
    help: 'bytes received, and bytes handed to the operating system, after the handshake',
    type: 'counter',
    labels: ['direction'],
    read: ({ stats }) => byDirection(stats.bytesReceived, stats.bytesSent),
  },
  {
    name: 'messages_refused_total',
    help: 'messages that were not queued, by the option that stood in the way',
    type: 'counter',
    labels: ['cause'],
    read: ({ refused }) => byCause(refused.messages),
  },
  {
    name: 'connections_refused_total',
    help: 'links and dials that were refused or failed, by cause',
    type: 'counter',
    labels: ['direction', 'cause'],
    read: ({ refused }) => [
      ...byCause(refused.inbound, { direction: 'inbound' }),
      ...byCause(refused.outbound, { direction: 'outbound' }),
    ],
  },
  {
    name: 'connections_ended_total',
    help: 'connections that ended, by cause',
    type: 'counter',
    labels: ['cause'],
    read: ({ ended }) => byCause(ended),
  },
  ...(Object.keys(COUNTERS) as CounterName[]).map((counter): MetricDefinition => ({
    name: `${snakeCase(counter)}_total`,
    help: COUNTERS[counter].help,
    type: 'counter',
    labels: [],
    read: ({ counters }) => one(counters[counter]),
  })),
];

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
