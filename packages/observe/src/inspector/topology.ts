import type { Rates } from './rates.js';

/** What of a connection the picture is made of. */
export interface Seen {
  readonly id: number;
  readonly address: string;
  readonly identity: string | null;
  readonly localAddress: string;
  readonly direction: 'inbound' | 'outbound';
  readonly state: 'open' | 'renegotiating' | 'ending';
  readonly isHeldBack: boolean;
  readonly rates: Rates;
}

/** A peer in the picture, or several in one. */
export interface TopologyPeer {
  /** The same from one picture to the next. */
  readonly key: string;
  readonly label: string;
  /** How many connections it stands for. */
  readonly count: number;
  /** A connection of it. */
  readonly connection: number;
  readonly inbound: number;
  /** Addresses by which another process knows its end of the connection; of those that stand for one alone. */
  readonly address: string | null;
  readonly localAddress: string | null;
  readonly state: 'open' | 'held back' | 'ending';
  readonly bytesPerSecond: number;
}

/** Peers that are shown one by one; there is no room for more. */
const MOST_SINGLE = 120;
const MOST_GROUPS = 40;

/**
 * Who is connected: one by one, as long as there is room; of more, the busiest one by one and the others by groups of
 * addresses.
 */
export function topologyOf(connections: readonly Seen[]): TopologyPeer[] {
  if (connections.length <= MOST_SINGLE) return connections.map(single);
  const busiest = [...connections].sort(
    (one, other) => trafficOf(other) - trafficOf(one) || one.id - other.id,
  );
  const shown = busiest.slice(0, MOST_SINGLE / 2).filter((one) => trafficOf(one) > 0);
  const singles = new Set(shown);
  const groups = new Map<string, Seen[]>();
  for (const connection of connections) {
    if (singles.has(connection)) continue;
    const key = groupOf(connection.address);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [connection]);
    else group.push(connection);
  }
  const largest = [...groups].sort(([, one], [, other]) => other.length - one.length);
  const rest = largest.slice(MOST_GROUPS).flatMap(([, members]) => members);
  return [
    ...shown.map(single),
    ...largest.slice(0, MOST_GROUPS).map(([key, members]) => together(key, members)),
    ...(rest.length === 0 ? [] : [together('others', rest)]),
  ];
}

function single(connection: Seen): TopologyPeer {
  return {
    key: `#${connection.id}`,
    label: connection.identity ?? connection.address,
    count: 1,
    connection: connection.id,
    inbound: connection.direction === 'inbound' ? 1 : 0,
    address: connection.address,
    localAddress: connection.localAddress,
    state: stateOf(connection),
    bytesPerSecond: Math.round(trafficOf(connection)),
  };
}

function together(label: string, members: readonly Seen[]): TopologyPeer {
  const first = members[0]!;
  if (members.length === 1) return single(first);
  return {
    key: label,
    label,
    count: members.length,
    connection: first.id,
    inbound: members.filter(({ direction }) => direction === 'inbound').length,
    address: null,
    localAddress: null,
    state: members.some((one) => stateOf(one) === 'held back') ? 'held back' : 'open',
    bytesPerSecond: Math.round(members.reduce((sum, one) => sum + trafficOf(one), 0)),
  };
}

/** The network that an address is in: `10.1.0.0/16`, the first half of an IPv6 address. */
function groupOf(address: string): string {
  if (address.startsWith('unix:')) return address.replace(/#\d+$/, '');
  if (address.startsWith('[')) return `${address.slice(1).split(':').slice(0, 3).join(':')}::/48`;
  const [one, two] = address.split('.');
  return `${one}.${two}.0.0/16`;
}

function trafficOf({ rates }: Seen): number {
  return rates.bytesIn + rates.bytesOut;
}

function stateOf({ state, isHeldBack }: Seen): TopologyPeer['state'] {
  if (state === 'ending') return 'ending';
  return isHeldBack || state === 'renegotiating' ? 'held back' : 'open';
}
