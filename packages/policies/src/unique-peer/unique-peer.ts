import {
  contextKey,
  definePlugin,
  type Connection,
  type ContextKey,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  PluginEvents,
  requireAtOnce,
  requireKnown,
  requireOneOf,
} from '@pea2pea/core/authoring';
import { policyError } from '../shared/errors.js';

/**
 * The context key under which a connection that ended as a duplicate has the connection with the same peer that was kept.
 * `uniquePeer` sets it on both sides; `reconnect` reads it, and dials again when the kept connection ends.
 */
export const duplicateOf: ContextKey<Connection> = contextKey<Connection>('pea2pea.duplicate-of');

/** Which of two connections with a peer is kept; see {@link UniquePeer}. */
export type OnDuplicate = 'tie-break' | 'keep-older' | 'keep-newer';

/** An identity, or a function that returns it when it is needed. */
export type LocalIdentity = string | (() => string | undefined);

/** Options of {@link uniquePeer}. */
export type UniquePeerOptions = {
  /**
   * The identity of a peer: the key under which the handshake stored it in `connection.context`, or a function that is
   * called when a connection opens. A connection without one is not subject to the rule; `unidentified` counts those.
   *
   * note: **the identity must be authenticated**: something that the peer has proved, such as a public key that signed the
   * handshake. If peers only claimed it, any of them could end the connections of others, or keep them out.
   */
  readonly identity: ContextKey<string> | ((connection: Connection) => string | undefined);
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

/** The events of {@link UniquePeer.events}. */
export interface UniquePeerEvents {
  /** This side ended one of two connections with a peer. */
  duplicate: [{ readonly identity: string; readonly ended: Connection; readonly kept: Connection }];
}

/**
 * Keeps one connection per peer, by the identity of the peer rather than its address. It decides when a connection opens.
 * {@link uniquePeer} makes it.
 *
 * `'tie-break'` is for nodes that dial each other. Both sides run it, and keep the same connection, whatever the order in
 * which each of them sees the two open:
 *
 * ```text
 *   the two were dialled   by different sides    both sides keep the one that the smaller identity dialled
 *                          by the same side      the accepting side keeps the one that opened first there, and
 *                                                the dialling side leaves the decision to it
 * ```
 *
 * Identities are compared by UTF-16 code units, as `<` does. `'keep-older'` and `'keep-newer'` go by the order in which
 * this side saw the connections open. They are for a server whose clients do not run the plugin: if both sides ran it,
 * each could end the connection that the other keeps.
 *
 * note: the duplicate is ended with `disconnect()`, which flushes what is queued on it. Its reason is
 * `{ origin: 'user', why, error }`, where `error` has the code P2P_ERR_DUPLICATE_PEER, and {@link duplicateOf} in its
 * context is the connection that was kept. If the new connection is the duplicate, `onConnect` hooks after this plugin are
 * not called for it.
 * note: messages received on the duplicate but not yet delivered to a handler are lost, as with any disconnect.
 * note: a connection that the peer has lost counts as open until this side notices, after at most `idleTimeoutMs`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class UniquePeer implements Hooks<unknown> {
  /** Its name among the plugins of a node. */
  static readonly plugin = { name: 'unique-peer' };
  /** Events for other parts of the program. */
  readonly events: PluginEvents<UniquePeerEvents>;
  readonly #options: UniquePeerOptions;
  readonly #onDuplicate: OnDuplicate;
  /** The connections by identity, oldest first. There are several only while the accepting side has yet to decide. */
  readonly #held = new Map<string, readonly Connection[]>();
  #duplicates = 0;
  #unidentified = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: UniquePeerOptions) {
    this.events = new PluginEvents(node.logger);
    this.#options = options;
    this.#onDuplicate = checked(options);
  }

  /** How many identities are connected. */
  get size(): number {
    return this.#held.size;
  }

  /** How many connections this side ended as duplicates. It only rises. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** How many connections had no identity. It only rises. */
  get unidentified(): number {
    return this.#unidentified;
  }

  /** The open connection with the peer of this identity; the oldest, if there are several. */
  get(identity: string): Connection | undefined {
    return this.#open(identity)[0];
  }

  /**
   * Decides whether the connection, or an older one with the same peer, is ended.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `localIdentity` returns undefined for a tie-break, or one of both returns
   * something other than a string or undefined; the connection then ends with `{ origin: 'on-connect' }`
   */
  onConnect(connection: Connection): void {
    const identity = this.#identityOf(connection);
    if (identity === undefined) {
      this.#unidentified++;
      return;
    }
    const local = this.#localIdentity();
    if (identity === local) {
      void connection.disconnect('the peer has the identity of this node: it is this node itself');
      return;
    }
    const others = this.#open(identity);
    const verdicts = others.map((other) => this.#verdict(other, connection, identity, local));
    const keepsOther = verdicts.indexOf('older');
    if (keepsOther !== -1) {
      this.#end(identity, connection, others[keepsOther]!);
      return;
    }
    this.#hold(identity, connection);
    for (const [index, other] of others.entries()) {
      if (verdicts[index] === 'newer') this.#end(identity, other, connection);
    }
  }

  #verdict(
    older: Connection,
    newer: Connection,
    remote: string,
    local: string | undefined,
  ): 'older' | 'newer' | 'both' {
    if (this.#onDuplicate === 'keep-older') return 'older';
    if (this.#onDuplicate === 'keep-newer') return 'newer';
    // Same direction: only the accepting side decides, so that a single order counts.
    if (older.direction === newer.direction) return newer.direction === 'inbound' ? 'older' : 'both';
    if (local === undefined) {
      throw invalidConfig('`localIdentity` must be known for a tie-break, but it returned undefined');
    }
    const kept = local < remote ? 'outbound' : 'inbound';
    return newer.direction === kept ? 'newer' : 'older';
  }

  #end(identity: string, loser: Connection, kept: Connection): void {
    this.#duplicates++;
    loser.context.set(duplicateOf, kept);
    const what = `connection ${kept.id} with the same peer is kept`;
    void loser.disconnect(policyError('P2P_ERR_DUPLICATE_PEER', what));
    this.events.emit('duplicate', { identity, ended: loser, kept });
  }

  /** Holds the connection until its teardown begins. `signal` tells at once; `onDisconnect` would wait for hooks before it. */
  #hold(identity: string, connection: Connection): void {
    this.#held.set(identity, [...(this.#held.get(identity) ?? []), connection]);
    connection.signal.addEventListener('abort', () => this.#release(identity, connection), { once: true });
  }

  #release(identity: string, connection: Connection): void {
    const rest = this.#held.get(identity)?.filter((held) => held !== connection) ?? [];
    if (rest.length > 0) this.#held.set(identity, rest);
    else this.#held.delete(identity);
    // If the other side or the network ended it, the peer is still connected by the other connection.
    const kept = rest.find(isOpen);
    if (kept !== undefined && !connection.context.has(duplicateOf)) connection.context.set(duplicateOf, kept);
  }

  /** The open connections of an identity, oldest first. */
  #open(identity: string): readonly Connection[] {
    return this.#held.get(identity)?.filter(isOpen) ?? [];
  }

  #identityOf(connection: Connection): string | undefined {
    const { identity } = this.#options;
    const found = typeof identity === 'function' ? identity(connection) : connection.context.get(identity);
    return requireIdentity('identity', found);
  }

  #localIdentity(): string | undefined {
    const { localIdentity } = this.#options;
    return requireIdentity(
      'localIdentity',
      typeof localIdentity === 'function' ? localIdentity() : localIdentity,
    );
  }
}

/**
 * Lists {@link UniquePeer} among the plugins of a node or a peer.
 *
 * ```ts
 * node.use(uniquePeer({ identity: PUBLIC_KEY, localIdentity: () => ownKey }));
 * @Peer({ codec, plugins: [signedHello(), uniquePeer({ identity: PUBLIC_KEY, localIdentity: () => ownKey })] })
 * ```
 */
export const uniquePeer = definePlugin(UniquePeer);

function isOpen({ state }: Connection): boolean {
  return state === 'open';
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
function checked(options: UniquePeerOptions): OnDuplicate {
  requireKnown('the options of uniquePeer', options, ['identity', 'localIdentity', 'onDuplicate']);
  const { identity, localIdentity, onDuplicate = 'tie-break' } = options;
  if (typeof identity !== 'function' && typeof identity?.description !== 'string') {
    throw invalidConfig('`identity` must be a context key or a function');
  }
  requireOneOf('onDuplicate', onDuplicate, ['tie-break', 'keep-older', 'keep-newer']);
  if (localIdentity === undefined ? onDuplicate === 'tie-break' : !isIdentity(localIdentity)) {
    throw invalidConfig('`localIdentity` must be a string or a function');
  }
  return onDuplicate;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for anything else, such as a promise: it would be compared as what it is printed as */
function requireIdentity(name: string, found: string | undefined): string | undefined {
  if (requireAtOnce(`\`${name}\``, found) === undefined || typeof found === 'string') return found;
  throw invalidConfig(`\`${name}\` must return a string or undefined, not ${describe(found)}`);
}

function isIdentity(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'function';
}
