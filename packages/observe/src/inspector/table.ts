import type { ConnectionSnapshot } from '../snapshot/connections.js';
import type { Rates } from './rates.js';
import type { TableQuery } from './source.js';

/** A connection with what it does in a second. */
export interface Row extends ConnectionSnapshot {
  readonly rates: Rates;
}

/** What a column is sorted by. */
const COLUMNS: Readonly<Record<string, (row: Row) => number | string>> = {
  id: (row) => row.id,
  peer: (row) => row.identity ?? row.address,
  direction: (row) => row.direction,
  state: (row) => (row.state === 'open' && row.isHeldBack ? 'held back' : row.state),
  age: (row) => row.ageMs,
  idle: (row) => row.idleMs,
  codec: (row) => row.codec ?? '',
  channel: (row) => row.secureChannel ?? '',
  roundTrip: (row) => row.roundTripMs ?? Infinity,
  queues: (row) => row.queues.inboundBytes + row.queues.outboundBytes,
  messages: (row) => row.rates.messagesIn + row.rates.messagesOut,
  bytes: (row) => row.rates.bytesIn + row.rates.bytesOut,
  total: (row) => row.stats.bytesReceived + row.stats.bytesSent,
};

/** The rows of a query, and how many there would be without its bounds. */
export function select(
  rows: readonly Row[],
  { sort, descending, filter, offset, limit }: TableQuery,
): { readonly matching: number; readonly rows: readonly Row[] } {
  const wanted = filter.trim().toLowerCase();
  const matching = wanted === '' ? [...rows] : rows.filter((row) => contains(row, wanted));
  const by = Object.hasOwn(COLUMNS, sort) ? COLUMNS[sort]! : COLUMNS['id']!;
  const sign = descending ? -1 : 1;
  // Each key is made once: some are made of several strings.
  const keyed = matching.map((row) => ({ row, key: by(row) }));
  keyed.sort((one, other) => sign * compare(one.key, other.key) || one.row.id - other.row.id);
  return { matching: matching.length, rows: keyed.slice(offset, offset + limit).map(({ row }) => row) };
}

function contains(row: Row, wanted: string): boolean {
  const { address, identity, localAddress, direction, state, codec, secureChannel, id } = row;
  return [address, identity, localAddress, direction, state, codec, secureChannel, `#${id}`].some(
    (value) => value?.toLowerCase().includes(wanted) === true,
  );
}

function compare(one: number | string, other: number | string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
