import type { Connection, ContextKey } from '@pea2pea/core';
import {
  invalidConfig,
  requireFunction,
  requireKnown,
  requireNumber,
  requireOneOf,
} from '@pea2pea/core/authoring';

/** Every option of `uniquePeer` that has a default, with it. Times are in milliseconds. */
export const UNIQUE_PEER_DEFAULTS = {
  onDuplicate: 'tie-break',
  takeoverAfterMs: 10_000,
} as const;

/** Which of two connections with a peer is kept; see `UniquePeer`. */
export type OnDuplicate = 'tie-break' | 'keep-older' | 'keep-newer';

/** An identity, or a function that returns it when it is needed. */
export type LocalIdentity = string | (() => string | undefined);

/** Options of `uniquePeer`. */
export type UniquePeerOptions = {
  /**
   * The identity of a peer: the key under which the handshake stored it in `connection.context`, or a function that is
   * called when a connection opens. A connection without one is not subject to the rule; `unidentified` counts those.
   *
   * note: **the identity must be authenticated**: something that the peer has proved, such as a public key that signed the
   * handshake. If peers only claimed it, any of them could end the connections of others, or keep them out.
   */
  readonly identity: ContextKey<string> | ((connection: Connection) => string | undefined);
  /**
   * From what age on, in milliseconds, a connection gives way where its peer dials again: that peer has proved who it is, and
   * its old connection may have died unnoticed. A younger one is treated as `onDuplicate` says, as is every one with
   * Infinity.
   *
   * note: so two processes that share an identity take the connection from each other, at most once in this time, and from
   * the fourth time on in 8 times as long.
   * @default 10000; at least 1000
   */
  readonly takeoverAfterMs?: number;
  /**
   * Whether the peer of a connection is still there. It is called where a peer dials again and its older connection is kept, once for a
   * connection at a time; false ends that connection, and the next dial of the peer is let in. `liveness` of `@pea2pea/network` has one.
   *
   * note: an error is logged, and the connection is kept.
   * @default none: the peer is refused until the connection is old enough, or has ended
   */
  readonly probe?: (connection: Connection) => Promise<boolean>;
} & (
  | {
      /** Which of two connections is kept. @default 'tie-break' */
      readonly onDuplicate?: 'tie-break';
      /**
       * The identity of this node, as its peers see it; the tie-break compares the two. A connection with a peer of the
       * same identity is ended: that peer is this node itself.
       */
      readonly localIdentity: LocalIdentity;
    }
  | {
      /** Which of two connections is kept. */
      readonly onDuplicate: 'keep-older' | 'keep-newer';
      /** The identity of this node: a connection with itself is ended. @default none */
      readonly localIdentity?: LocalIdentity;
    }
);

/** What is checked once. */
export interface UniquePeerRule {
  readonly onDuplicate: OnDuplicate;
  readonly takeoverAfterMs: number;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveUniquePeer(options: UniquePeerOptions): UniquePeerRule {
  requireKnown('the options of uniquePeer', options, [
    'identity',
    'localIdentity',
    'probe',
    ...Object.keys(UNIQUE_PEER_DEFAULTS),
  ]);
  const {
    identity,
    localIdentity,
    onDuplicate = UNIQUE_PEER_DEFAULTS.onDuplicate,
    takeoverAfterMs = UNIQUE_PEER_DEFAULTS.takeoverAfterMs,
  } = options;
  if (typeof identity !== 'function' && typeof identity?.description !== 'string') {
    throw invalidConfig('`identity` must be a context key or a function');
  }
  if (options.probe !== undefined) requireFunction('probe', options.probe);
  requireOneOf('onDuplicate', onDuplicate, ['tie-break', 'keep-older', 'keep-newer']);
  if (localIdentity === undefined ? onDuplicate === 'tie-break' : !isIdentity(localIdentity)) {
    throw invalidConfig('`localIdentity` must be a string or a function');
  }
  if (takeoverAfterMs !== Infinity) requireNumber('takeoverAfterMs', takeoverAfterMs, { min: 1_000 });
  return { onDuplicate, takeoverAfterMs };
}

function isIdentity(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'function';
}
