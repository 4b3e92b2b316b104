import type { ConnectionState } from './contracts/connection.js';
import type { Direction } from './contracts/direction.js';
import { shownIdentity } from './contracts/identity.js';
import type { Heuristics } from './contracts/counters.js';
import type { Stats } from './contracts/stats.js';
import type { NodeState, PeerNode } from './peer-node.js';

/** Raised where a field is renamed, removed, or means something else; new fields do not raise it. */
export const SNAPSHOT_VERSION = 1;

/** What {@link snapshot} returns: plain data, as JSON can carry it. */
export interface NodeSnapshot {
  /** The shape of this data: {@link SNAPSHOT_VERSION}. */
  readonly version: typeof SNAPSHOT_VERSION;
  /** Milliseconds since the Unix epoch, by the clock of the node. */
  readonly takenAt: number;
  /** The name of the node. */
  readonly name: string;
  /** Where the node is in its life. */
  readonly state: NodeState;
  /** Where it listens, `host:port` or `unix:/path`; null where it does not. Of several addresses the first. */
  readonly address: string | null;
  /** All addresses at which it listens. */
  readonly listening: readonly string[];
  /** Connections that are being set up, both directions. */
  readonly connecting: number;
  /** Bytes, both directions, that were received and not handled, or queued and not sent. */
  readonly bufferedBytes: number;
  /** The limits that the other numbers are to be read against. */
  readonly limits: {
    readonly maxConnections: number;
    readonly maxInbound: number;
    readonly maxConnecting: number;
    /** Bytes of each direction. */
    readonly maxBufferedBytes: number;
  };
  /** Traffic over all connections, those that ended included. */
  readonly stats: Readonly<Stats>;
  /** What {@link COUNTERS} describes. */
  readonly counters: Readonly<Heuristics>;
  /** Those that are open or closing, in the order in which they were opened. */
  readonly connections: readonly ConnectionSnapshot[];
}

/** A connection of a {@link NodeSnapshot}. */
export interface ConnectionSnapshot {
  /** Unique in the process. */
  readonly id: number;
  /** Who dialled: `outbound` where this side did. */
  readonly direction: Direction;
  /** Where the connection is in its life. */
  readonly state: ConnectionState;
  /** Whether this side has ended its half. */
  readonly hasEnded: boolean;
  /** Whether the peer has ended its half. */
  readonly peerHasEnded: boolean;
  /** The address of the peer, `host:port`; `unix:/path#7` for the peer of that number of a path. */
  readonly address: string;
  /** Who the peer has proved to be, in one line of 128 characters at most; null where no handshake asked for a proof. */
  readonly identity: string | null;
  /** The address of this side, `host:port` or `unix:/path`. */
  readonly localAddress: string;
  /** Since it was opened, in milliseconds. */
  readonly ageMs: number;
  /** Bytes that are queued and not sent. */
  readonly bufferedBytes: number;
  /** The traffic of this connection. */
  readonly stats: Readonly<Stats>;
}

/**
 * All that a page, an exporter or a health check shows of `node`, as plain data of this moment. It takes time for each
 * connection: call it a few times a second at most.
 */
export function snapshot(node: PeerNode<unknown>): NodeSnapshot {
  const { config } = node;
  const takenAt = config.clock.date();
  const { maxConnections, maxInbound, maxConnecting, maxBufferedBytes } = config;
  return {
    version: SNAPSHOT_VERSION,
    takenAt,
    name: node.name,
    state: node.state,
    address: node.address?.toString() ?? null,
    listening: node.listening.map(String),
    connecting: node.connecting,
    bufferedBytes: node.bufferedBytes,
    limits: { maxConnections, maxInbound, maxConnecting, maxBufferedBytes },
    stats: { ...node.stats },
    counters: { ...node.heuristics },
    connections: Array.from(node.connections, (connection) => ({
      id: connection.id,
      direction: connection.direction,
      state: connection.state,
      hasEnded: connection.hasEnded,
      peerHasEnded: connection.peerHasEnded,
      address: connection.address.toString(),
      identity: shownIdentity(connection.context) ?? null,
      localAddress: connection.localAddress.toString(),
      ageMs: Math.max(0, takenAt - connection.stats.since),
      bufferedBytes: connection.bufferedBytes,
      stats: { ...connection.stats },
    })).sort((one, other) => one.id - other.id),
  };
}
