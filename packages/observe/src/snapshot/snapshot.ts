import { LIMIT_OPTIONS, type Heuristics, type NodeState, type Stats } from '@pea2pea/core';
import { requireKnown } from '@pea2pea/core/authoring';
import { checkPage, connectionsOf, type ConnectionPage, type PageOptions } from './connections.js';
import { limitsOf, type LimitSnapshot } from './limits.js';
import {
  nodesOf,
  soleNodeOf,
  type AnyNode,
  type Observed,
  type ObservedApp,
  type ObservedHandle,
} from './observed.js';
import { pluginsOf, type PluginSnapshot } from './plugins.js';
import { setupsOf, type SetupSnapshot } from './setups.js';

/** Raised where a field is renamed, removed, or means something else; new fields do not raise it. */
export const SNAPSHOT_VERSION = 2;

/** What of a node a snapshot shows. */
export interface SnapshotOptions {
  /** Which connections are listed one by one; their numbers are always there. @default the first 1000 */
  readonly connections?: PageOptions;
}

/** How often something happened for one cause. */
export interface CauseSnapshot {
  /** An error code, with a code of the system after a comma where there is one; or the name of a cause. */
  readonly cause: string;
  /** The option that stood in the way, and can be raised; null where it was not a limit. */
  readonly option: string | null;
  /** How often, since the node was made. */
  readonly count: number;
}

/** What {@link snapshot} returns for a node: plain data, as JSON can carry it. */
export interface NodeSnapshot {
  /** The shape of this data: {@link SNAPSHOT_VERSION}. */
  readonly version: typeof SNAPSHOT_VERSION;
  /** Milliseconds since the Unix epoch, by the clock of the node. */
  readonly takenAt: number;
  /** The name of the node. */
  readonly name: string;
  /** Where the node is in its life. */
  readonly state: NodeState;
  /** Whether it serves: all `onStart` hooks have succeeded, and it neither drains nor closes. */
  readonly isReady: boolean;
  /** All addresses at which it listens, `host:port` or `unix:/path`. */
  readonly listening: readonly string[];
  /** Its limits, with what is used of them. */
  readonly limits: readonly LimitSnapshot[];
  /** Bytes that were received and not handled, or queued and not sent, over all connections. */
  readonly buffered: { readonly inboundBytes: number; readonly outboundBytes: number };
  /** Traffic over all connections, those that ended included. */
  readonly stats: Readonly<Stats>;
  /** What `COUNTERS` of `@pea2pea/core` describes. */
  readonly counters: Readonly<Heuristics>;
  /** What did not become a connection, or was not queued, since the node was made. */
  readonly refused: {
    readonly inbound: readonly CauseSnapshot[];
    /** Dials, those that reached nobody included. */
    readonly outbound: readonly CauseSnapshot[];
    readonly messages: readonly CauseSnapshot[];
  };
  /** Why connections ended: `user`, `reading: idle-timeout`, `reading: invalid-frame, P2P_ERR_FRAME_TOO_LARGE`. */
  readonly ended: readonly CauseSnapshot[];
  /** Inbound links that wait for a setup slot. */
  readonly waiting: number;
  /** What is being set up now. */
  readonly setups: readonly SetupSnapshot[];
  /** Those that are open or ending. */
  readonly connections: ConnectionPage;
  /** Its plugins, in order. */
  readonly plugins: readonly PluginSnapshot[];
}

/** What {@link snapshot} returns for several nodes. */
export interface AppSnapshot {
  /** The shape of this data: {@link SNAPSHOT_VERSION}. */
  readonly version: typeof SNAPSHOT_VERSION;
  /** Each of them, in their order. */
  readonly nodes: readonly NodeSnapshot[];
}

/**
 * All that a page, an exporter or a health check shows of a node, as plain data of this moment; of several nodes, of each.
 *
 * ```ts
 * let after: number | null = 0;
 * while (after !== null) {
 *   const { connections } = snapshot(node, { connections: { after, limit: 500 } });
 *   for (const { address, queues } of connections.items) console.log(address, queues.outboundBytes);
 *   after = connections.next;
 * }
 * ```
 *
 * note: it looks at each connection, and describes those of the page: call it a few times a second at most.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, or for what is not a node
 */
export function snapshot(node: AnyNode | ObservedHandle, options?: SnapshotOptions): NodeSnapshot;
export function snapshot(
  app: ObservedApp | readonly (AnyNode | ObservedHandle)[],
  options?: SnapshotOptions,
): AppSnapshot;
export function snapshot(observed: Observed, options?: SnapshotOptions): NodeSnapshot | AppSnapshot;
export function snapshot(observed: Observed, options: SnapshotOptions = {}): NodeSnapshot | AppSnapshot {
  requireKnown('the options of snapshot()', options, ['connections']);
  const page = checkPage(options.connections ?? {});
  const sole = soleNodeOf(observed);
  if (sole !== undefined) return snapshotOf(sole, page);
  return { version: SNAPSHOT_VERSION, nodes: nodesOf(observed).map((node) => snapshotOf(node, page)) };
}

function snapshotOf(node: AnyNode, page: Required<PageOptions>): NodeSnapshot {
  const { config, inside } = node;
  const { refused } = inside;
  return {
    version: SNAPSHOT_VERSION,
    takenAt: config.clock.date(),
    name: node.name,
    state: node.state,
    isReady: inside.isReady,
    listening: node.listening.map(String),
    limits: limitsOf(node),
    buffered: { inboundBytes: inside.inboundBytes, outboundBytes: inside.outboundBytes },
    stats: { ...node.stats },
    counters: { ...node.heuristics },
    refused: {
      inbound: causesOf(refused.inbound),
      outbound: causesOf(refused.outbound),
      messages: causesOf(refused.messages, (cause) => (cause === 'renegotiation' ? null : cause)),
    },
    ended: causesOf(inside.ended, () => null),
    waiting: inside.waiting,
    setups: setupsOf(node),
    connections: connectionsOf(node, page),
    plugins: pluginsOf(node),
  };
}

/** Those that happened. */
function causesOf(
  counts: Readonly<Record<string, number>>,
  optionOf: (cause: string) => string | null = limitOptionOf,
): CauseSnapshot[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([cause, count]) => ({ cause, option: optionOf(cause), count }));
}

function limitOptionOf(cause: string): string | null {
  return Object.hasOwn(LIMIT_OPTIONS, cause) ? LIMIT_OPTIONS[cause as keyof typeof LIMIT_OPTIONS] : null;
}
