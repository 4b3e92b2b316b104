import { PeerNode } from '@pea2pea/core';
import { describe, invalidConfig } from '@pea2pea/core/authoring';

/** The handle of a peer: what `createPeer` of `@pea2pea/decorators` returns. */
export interface ObservedHandle {
  /** Its node. */
  readonly node: PeerNode<unknown>;
}

/** Several peers with one end: what `createApp` of `@pea2pea/decorators` returns. */
export interface ObservedApp {
  /** Its peers. */
  readonly peers: readonly ObservedHandle[];
}

/** What can be looked at: a node, a peer, an application, or several of them. */
export type Observed =
  PeerNode<unknown> | ObservedHandle | ObservedApp | readonly (PeerNode<unknown> | ObservedHandle)[];

/** A node as far as this package looks at it, whatever its messages are. */
export type AnyNode = PeerNode<unknown>;

/** The one node of `observed`; undefined where it is a group of them. @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function soleNodeOf(observed: Observed): AnyNode | undefined {
  if (observed instanceof PeerNode) return observed;
  if (Array.isArray(observed) || (isObject(observed) && 'peers' in observed)) return undefined;
  const { node } = requireObserved(observed) as { readonly node?: unknown };
  if (node instanceof PeerNode) return node as AnyNode;
  throw notObserved(observed);
}

/** The nodes of `observed`, in their order. @throws {PeerError} P2P_ERR_INVALID_CONFIG for what has none */
export function nodesOf(observed: Observed): AnyNode[] {
  const sole = soleNodeOf(observed);
  if (sole !== undefined) return [sole];
  const list: unknown = 'peers' in observed ? observed.peers : observed;
  if (!Array.isArray(list)) throw notObserved(observed);
  return (list as Observed[]).flatMap(nodesOf);
}

/**
 * The nodes of `observed`, for those who tell them apart by their names.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG for two with one name, and as {@link nodesOf}
 */
export function distinctNodesOf(observed: Observed): AnyNode[] {
  const nodes = nodesOf(observed);
  const names = new Set<string>();
  for (const { name } of nodes) {
    if (names.has(name))
      throw invalidConfig(
        `two nodes are called ${describe(name)}, and their metrics would be one series: give each a \`name\` of its own`,
      );
    names.add(name);
  }
  return nodes;
}

function requireObserved(observed: unknown): object {
  if (isObject(observed)) return observed;
  throw notObserved(observed);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function notObserved(value: unknown): Error {
  return invalidConfig(`${describe(value)} is not a node, a peer, an application, or a list of them`);
}
