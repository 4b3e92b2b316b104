import { COUNTERS, type CounterDefinition, type CounterName } from '@pea2pea/core';
import type { CauseSnapshot, NodeSnapshot } from '../snapshot/snapshot.js';

/** What tells the values of a metric apart, besides the node: never an address or an identity. */
export interface LabelDefinition {
  /** Its name in Prometheus. */
  readonly label: string;
  /** Its name in OpenTelemetry. */
  readonly attribute: string;
  /** Values that OpenTelemetry has other words for. */
  readonly said?: Readonly<Record<string, string>>;
}

/** A value of a metric, and the values of its labels, in their order. */
export interface Sample {
  readonly values: readonly string[];
  readonly value: number;
}

/** A metric that is read off a snapshot: one description for all that it is exported to. */
export interface MetricDefinition {
  /** Its name in Prometheus: in snake case, with the unit, without a prefix. */
  readonly name: string;
  /** Its name in OpenTelemetry. */
  readonly instrument: string;
  /** Its unit, as UCUM has it. */
  readonly unit: string;
  /** What it tells, in a few words. */
  readonly help: string;
  /** A counter only rises. The values of a sum may be added up over labels and nodes; those of a gauge may not. */
  readonly type: 'counter' | 'sum' | 'gauge';
  /** What tells its values apart, besides the node. */
  readonly labels: readonly LabelDefinition[];
  /** Its values at that moment. */
  readonly read: (snapshot: NodeSnapshot) => readonly Sample[];
}

const STATE: LabelDefinition = { label: 'state', attribute: 'pea2pea.connection.state' };
const DIRECTION: LabelDefinition = { label: 'direction', attribute: 'pea2pea.connection.direction' };
/** The direction of what is carried. */
const IO_DIRECTION: LabelDefinition = {
  label: 'direction',
  attribute: 'network.io.direction',
  said: { inbound: 'receive', outbound: 'transmit' },
};
const OPTION: LabelDefinition = { label: 'option', attribute: 'pea2pea.option' };
const CAUSE: LabelDefinition = { label: 'cause', attribute: 'pea2pea.cause' };
/** The cause of a failure. */
const ERROR: LabelDefinition = { label: 'cause', attribute: 'error.type' };

const one = (value: number): Sample[] => [{ values: [], value }];

const byDirection = (inbound: number, outbound: number): Sample[] => [
  { values: ['inbound'], value: inbound },
  { values: ['outbound'], value: outbound },
];

const byCause = (causes: readonly CauseSnapshot[], ...before: string[]): Sample[] =>
  causes.map(({ cause, count }) => ({ values: [...before, cause], value: count }));

/** All metrics that are read off snapshots: those of the traffic and the state by hand, then one for each of `COUNTERS`. */
export const METRICS: readonly MetricDefinition[] = [
  {
    name: 'connections',
    instrument: 'pea2pea.connection.count',
    unit: '{connection}',
    help: 'connections, by state',
    type: 'sum',
    labels: [STATE],
    read: ({ connections: { byState } }) =>
      Object.entries(byState).map(([state, value]) => ({ values: [state], value })),
  },
  {
    name: 'connections_by_direction',
    instrument: 'pea2pea.connection.direction.count',
    unit: '{connection}',
    help: 'connections, by who dialled',
    type: 'sum',
    labels: [DIRECTION],
    read: ({ connections: { byDirection: count } }) => byDirection(count.inbound, count.outbound),
  },
  {
    name: 'connections_handling',
    instrument: 'pea2pea.connection.handling.count',
    unit: '{connection}',
    help: 'connections whose onMessage has returned a promise that is pending',
    type: 'sum',
    labels: [],
    read: ({ connections }) => one(connections.handling),
  },
  {
    name: 'connections_held_back',
    instrument: 'pea2pea.connection.held_back.count',
    unit: '{connection}',
    help: 'connections whose peer is slowed down',
    type: 'sum',
    labels: [],
    read: ({ connections }) => one(connections.heldBack),
  },
  {
    name: 'setups',
    instrument: 'pea2pea.setup.count',
    unit: '{setup}',
    help: 'dials and handshakes under way',
    type: 'sum',
    labels: [],
    read: ({ setups }) => one(setups.length),
  },
  {
    name: 'waiting_links',
    instrument: 'pea2pea.waiting_link.count',
    unit: '{link}',
    help: 'inbound links that wait for a setup slot',
    type: 'sum',
    labels: [],
    read: ({ waiting }) => one(waiting),
  },
  {
    name: 'buffered_bytes',
    instrument: 'pea2pea.buffer.size',
    unit: 'By',
    help: 'bytes received and not handled, or queued and not sent',
    type: 'sum',
    labels: [IO_DIRECTION],
    read: ({ buffered }) => byDirection(buffered.inboundBytes, buffered.outboundBytes),
  },
  {
    name: 'limit',
    instrument: 'pea2pea.limit',
    unit: '1',
    help: 'limits of which there is one for the whole node, by option',
    type: 'gauge',
    labels: [OPTION],
    read: ({ limits }) => {
      const whole = limits.filter(({ used, direction }) => used !== null && direction !== 'outbound');
      return whole.map(({ name, value }) => ({ values: [name], value }));
    },
  },
  {
    name: 'ready',
    instrument: 'pea2pea.ready',
    unit: '1',
    help: '1 while the node serves; 0 while it starts, drains or closes',
    type: 'gauge',
    labels: [],
    read: ({ isReady }) => one(isReady ? 1 : 0),
  },
  {
    name: 'messages_total',
    instrument: 'pea2pea.messages',
    unit: '{message}',
    help: 'messages received, and messages handed to the operating system',
    type: 'counter',
    labels: [IO_DIRECTION],
    read: ({ stats }) => byDirection(stats.messagesReceived, stats.messagesSent),
  },
  {
    name: 'bytes_total',
    instrument: 'pea2pea.network.io',
    unit: 'By',
    help: 'bytes received, and bytes handed to the operating system, after the handshake',
    type: 'counter',
    labels: [IO_DIRECTION],
    read: ({ stats }) => byDirection(stats.bytesReceived, stats.bytesSent),
  },
  {
    name: 'messages_refused_total',
    instrument: 'pea2pea.refused_messages',
    unit: '{message}',
    help: 'messages that were not queued, by the option that stood in the way',
    type: 'counter',
    labels: [CAUSE],
    read: ({ refused }) => byCause(refused.messages),
  },
  {
    name: 'connections_refused_total',
    instrument: 'pea2pea.refused_connections',
    unit: '{connection}',
    help: 'links and dials that were refused or failed, by cause',
    type: 'counter',
    labels: [DIRECTION, ERROR],
    read: ({ refused }) => [...byCause(refused.inbound, 'inbound'), ...byCause(refused.outbound, 'outbound')],
  },
  {
    name: 'connections_ended_total',
    instrument: 'pea2pea.ended_connections',
    unit: '{connection}',
    help: 'connections that ended, by cause',
    type: 'counter',
    labels: [CAUSE],
    read: ({ ended }) => byCause(ended),
  },
  ...(Object.keys(COUNTERS) as CounterName[]).map((counter): MetricDefinition => ({
    name: `${snakeCase(counter)}_total`,
    instrument: `pea2pea.node.${snakeCase(counter)}`,
    unit: unitOf(COUNTERS[counter].unit),
    help: COUNTERS[counter].help,
    type: 'counter',
    labels: [],
    read: ({ counters }) => one(counters[counter]),
  })),
];

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** As UCUM has it: bytes have a unit, what is counted otherwise is an annotation in the singular. */
function unitOf(unit: CounterDefinition['unit']): string {
  return unit === 'bytes' ? 'By' : `{${unit.slice(0, -1)}}`;
}
