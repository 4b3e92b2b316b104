import type { NodeState } from '@pea2pea/core';
import { nodesOf, type AnyNode, type Observed } from '../snapshot/observed.js';

/**
 * - `starting`: a node has not been told to start, or its `onStart` hooks run.
 * - `ready`: all serve.
 * - `draining`: one drains, and none has closed.
 * - `closed`: one closes, or has closed.
 */
export type HealthStatus = 'starting' | 'ready' | 'draining' | 'closed';

/** The health of one node. */
export interface NodeHealth {
  /** The name of the node. */
  readonly name: string;
  /** Where the node is in its life. */
  readonly state: NodeState;
  /** Whether it serves: all `onStart` hooks have succeeded, and it neither drains nor closes. */
  readonly isReady: boolean;
}

/** The health of one or several nodes, as plain data. */
export interface Health {
  /** All of it in a word. */
  readonly status: HealthStatus;
  /** Whether the process does what it is for: not when a node is closed. Whoever sees false may start it anew. */
  readonly isLive: boolean;
  /** Whether more peers may be sent here. False also while it starts and drains. */
  readonly isReady: boolean;
  /** Each node, in its order. */
  readonly nodes: readonly NodeHealth[];
}

/**
 * The health of a node, a peer, an application, or several of them, at this moment.
 *
 * note: it has names and states, no addresses: fit to be shown.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG for what is not a node
 */
export function health(observed: Observed): Health {
  const nodes = nodesOf(observed).map(healthOf);
  const status = statusOf(nodes);
  return { status, isLive: status !== 'closed', isReady: status === 'ready', nodes };
}

function healthOf({ name, state, inside }: AnyNode): NodeHealth {
  return { name, state, isReady: inside.isReady };
}

function statusOf(nodes: readonly NodeHealth[]): HealthStatus {
  const isAny = (...states: readonly NodeState[]): boolean =>
    nodes.some(({ state }) => states.includes(state));
  if (isAny('closing', 'closed')) return 'closed';
  if (isAny('draining')) return 'draining';
  return nodes.length > 0 && nodes.every(({ isReady }) => isReady) ? 'ready' : 'starting';
}
