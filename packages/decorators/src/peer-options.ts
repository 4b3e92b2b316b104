import type { NodeConfig } from '@pea2pea/core';
import type { PeerBase } from './peer-class.js';

/**
 * Options of a node, none of them required: what a peer is started with overrides what `@Peer` says.
 *
 * note: a `codec` in here stands in for that of `@Peer`, whatever the message methods name.
 */
export type PeerConfig = Partial<NodeConfig<unknown>>;

/**
 * Options are kept on the class itself, complete with those of its bases, and found by subclasses through
 * the chain of constructors. There is no registry beside it.
 */
const OPTIONS = Symbol.for('pea2pea.peer');

interface WithOptions {
  readonly [OPTIONS]?: PeerConfig;
}

/** What a decorator said about `target` itself. */
export function ownOptions(target: PeerBase): PeerConfig | undefined {
  return Object.hasOwn(target, OPTIONS) ? (target as WithOptions)[OPTIONS] : undefined;
}

/** The same about `target` or the nearest class it extends. */
export function inheritedOptions(target: PeerBase): PeerConfig | undefined {
  return (target as WithOptions)[OPTIONS];
}

export function setOptions(target: PeerBase, options: PeerConfig): void {
  Object.defineProperty(target, OPTIONS, { value: Object.freeze(options) });
}
