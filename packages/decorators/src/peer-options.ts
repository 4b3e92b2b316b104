import type { NodeConfig } from '@pea2pea/core';
import type { PeerBase } from './peer-class.js';
import type { WhenUnmatched } from './unmatched.js';

/**
 * Options of a node, none of them required: what a peer is started with overrides what `@Peer` says.
 *
 * note: a `codec` in here stands in for that of `@Peer`, whatever the message methods name.
 */
export type PeerConfig = Partial<NodeConfig<unknown>>;

/** What `@Peer` says about messages, beyond the options of a node. */
export interface RoutingOptions {
  /**
   * What becomes of a message that no method takes. `'disconnect'` ends its connection, as a method that throws does,
   * with P2P_ERR_UNMATCHED_MESSAGE: `@OnError` hears of it and may keep the connection. `'ignore'` drops it, with one
   * line a second in the log at most. `PeerHandle.unmatched` counts both.
   *
   * note: a peer without message methods, or with a catch-all, has no such messages.
   * @default 'disconnect'
   */
  readonly unmatched?: WhenUnmatched;
}

/** What is kept of the options of `@Peer`. */
export type DeclaredOptions = PeerConfig & RoutingOptions;

/**
 * Options are kept on the class itself, complete with those of its bases, and found by subclasses through
 * the chain of constructors. There is no registry beside it.
 */
const OPTIONS = Symbol.for('pea2pea.peer');

interface WithOptions {
  readonly [OPTIONS]?: DeclaredOptions;
}

/** What a decorator said about `target` itself. */
export function ownOptions(target: PeerBase): DeclaredOptions | undefined {
  return Object.hasOwn(target, OPTIONS) ? (target as WithOptions)[OPTIONS] : undefined;
}

/** The same about `target` or the nearest class it extends. */
export function inheritedOptions(target: PeerBase): DeclaredOptions | undefined {
  return (target as WithOptions)[OPTIONS];
}

export function setOptions(target: PeerBase, options: DeclaredOptions): void {
  Object.defineProperty(target, OPTIONS, { value: Object.freeze(options) });
}
