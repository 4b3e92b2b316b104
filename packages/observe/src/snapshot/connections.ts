import { roundTripMs, secureChannel, type Connection, type Direction, type Stats } from '@pea2pea/core';
import { printable, requireInteger, requireKnown, shownIdentity } from '@pea2pea/core/authoring';
import type { AnyNode } from './observed.js';

/** Which connections a snapshot lists. */
export interface PageOptions {
  /** Those opened after the connection with this id: `next` of the page before. @default 0, from the first */
  readonly after?: number;
  /** How many at most, 0 to 10000. @default 1000 */
  readonly limit?: number;
}

/** A connection of a snapshot. */
export interface ConnectionSnapshot {
  /** Unique in the process; later ones have higher ids. */
  readonly id: number;
  /** The address of the peer, `host:port`; `unix:/path#7` for the peer of that number of a path. */
  readonly address: string;
  /** Who the peer has proved to be, in one line of 128 characters at most; null where no handshake asked for a proof. */
  readonly identity: string | null;
  /** Who dialled: `outbound` where this side did. */
  readonly direction: Direction;
  /** `renegotiating`: it is a handshake again; `ending`: its teardown has begun. */
  readonly state: 'open' | 'renegotiating' | 'ending';
  /** Whether this side has ended its half. */
  readonly hasEnded: boolean;
  /** Whether the peer has ended its half. */
  readonly peerHasEnded: boolean;
  /** The address of this side, `host:port` or `unix:/path`. */
  readonly localAddress: string;
  /** Since it was opened, in milliseconds. */
  readonly ageMs: number;
  /** For how long the peer has sent no message, in milliseconds; up to two seconds are missing. */
  readonly idleMs: number;
  /** The `name` of its codec; null where that has none. */
  readonly codec: string | null;
  /** The protocol that secures it, as its handshake named it; null where none did. */
  readonly secureChannel: string | null;
  /** How long the peer takes to reply, in milliseconds; null where nobody measures it. */
  readonly roundTripMs: number | null;
  /** Whether the promise of an `onMessage` is pending: the next message waits for it. */
  readonly isHandling: boolean;
  /** Whether work is under way that was announced with `hold()`, such as a request. */
  readonly isHeld: boolean;
  /** Whether the peer is slowed down, or held up by a renegotiation. */
  readonly isHeldBack: boolean;
  /** What waits. Messages that were received are decoded when their handler can have them: until then they are bytes. */
  readonly queues: {
    readonly inboundBytes: number;
    readonly outboundBytes: number;
    readonly outboundMessages: number;
  };
  /** The traffic of this connection. */
  readonly stats: Readonly<Stats>;
}

/** The connections of a node: all of them in numbers, and some of them one by one. */
export interface ConnectionPage {
  /** How many there are. */
  readonly total: number;
  /** How many of each direction. */
  readonly byDirection: Readonly<Record<Direction, number>>;
  /** How many in each state. */
  readonly byState: Readonly<Record<ConnectionSnapshot['state'], number>>;
  /** How many have an `onMessage` whose promise is pending. */
  readonly handling: number;
  /** How many are slowed down, or held up by a renegotiation. */
  readonly heldBack: number;
  /** The connections of this page, in the order in which they were opened. */
  readonly items: readonly ConnectionSnapshot[];
  /** The `after` of the next page; null after the last one. */
  readonly next: number | null;
}

const MOST_ITEMS = 10_000;
const LONGEST_NAME = 128;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function checkPage(options: PageOptions): Required<PageOptions> {
  requireKnown('`connections` of snapshot()', options, ['after', 'limit']);
  const { after = 0, limit = 1_000 } = options;
  requireInteger('connections.after', after, { min: 0, max: Number.MAX_SAFE_INTEGER });
  requireInteger('connections.limit', limit, { min: 0, max: MOST_ITEMS });
  return { after, limit };
}

/** A page of the connections of a node. It looks at all of them, and describes those of the page. */
export function connectionsOf(node: AnyNode, { after, limit }: Required<PageOptions>): ConnectionPage {
  const byDirection = { inbound: 0, outbound: 0 };
  const byState = { open: 0, renegotiating: 0, ending: 0 };
  let [total, handling, heldBack] = [0, 0, 0];
  const later: Connection[] = [];
  const { inside } = node;
  for (const connection of node.connections) {
    const { isRenegotiating, isHandling } = inside.of(connection);
    total++;
    byDirection[connection.direction]++;
    byState[stateOf(connection, isRenegotiating)]++;
    if (isHandling) handling++;
    if (connection.isHeldBack) heldBack++;
    if (connection.id > after) later.push(connection);
  }
  // They come by address, which is the order of their ids but for addresses that were taken again.
  later.sort((one, other) => one.id - other.id);
  const page = later.slice(0, limit);
  const items = page.map((connection) => describeConnection(node, connection));
  const next = later.length > page.length ? (page.at(-1)?.id ?? after) : null;
  return { total, byDirection, byState, handling, heldBack, items, next };
}

/** What of a connection tells it from others at a glance. */
export type ConnectionGlance = Pick<
  ConnectionSnapshot,
  'id' | 'address' | 'identity' | 'direction' | 'state' | 'isHeldBack'
>;

/** What tells a connection from others. */
export function glanceAt({ inside }: AnyNode, connection: Connection): ConnectionGlance {
  return {
    id: connection.id,
    address: connection.address.toString(),
    identity: shownIdentity(connection.context) ?? null,
    direction: connection.direction,
    state: stateOf(connection, inside.of(connection).isRenegotiating),
    isHeldBack: connection.isHeldBack,
  };
}

/** All that a snapshot says of a connection of `node`. */
export function describeConnection(node: AnyNode, connection: Connection): ConnectionSnapshot {
  const { config, inside } = node;
  const { context, stats } = connection;
  const { codec, isHandling, isHeld, queuedMessages, idleMs } = inside.of(connection);
  const channel: unknown = context.get(secureChannel);
  const roundTrip: unknown = context.get(roundTripMs);
  return {
    ...glanceAt(node, connection),
    hasEnded: connection.hasEnded,
    peerHasEnded: connection.peerHasEnded,
    localAddress: connection.localAddress.toString(),
    ageMs: Math.max(0, config.clock.date() - stats.since),
    idleMs,
    codec: codec === undefined ? null : printable(codec, LONGEST_NAME),
    secureChannel: typeof channel === 'string' ? printable(channel, LONGEST_NAME) : null,
    roundTripMs: typeof roundTrip === 'number' ? roundTrip : null,
    isHandling,
    isHeld,
    queues: {
      inboundBytes: connection.waitingBytes,
      outboundBytes: connection.bufferedBytes,
      outboundMessages: queuedMessages,
    },
    stats: { ...stats },
  };
}

function stateOf({ state }: Connection, isRenegotiating: boolean): ConnectionSnapshot['state'] {
  if (state !== 'open') return 'ending';
  return isRenegotiating ? 'renegotiating' : 'open';
}
