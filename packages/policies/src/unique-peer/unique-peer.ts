import {
  contextKey,
  definePlugin,
  type Connection,
  type ContextKey,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import { invalidConfig, PluginEvents, requireKnown, requireOneOf } from '@pea2pea/core/authoring';
import { policyError } from '../shared/errors.js';

/**
 * On a connection that ended while another one with the same peer was kept: that other one. `uniquePeer` sets it, on
 * the side that ended the duplicate and on the other; `reconnect` reads it, and dials when the one that was kept ends.
 */
export const duplicateOf: ContextKey<Connection> = contextKey<Connection>('pea2pea.duplicate-of');

/** Which of two connections with one peer is kept; see {@link UniquePeer}. */
export type OnDuplicate = 'tie-break' | 'keep-older' | 'keep-newer';

/** An identity, or what tells it when it is needed. */
export type LocalIdentity = string | (() => string | undefined);

/** What {@link uniquePeer} takes. */
export type UniquePeerOptions = {
  /**
   * Who the peer is: the key under which the handshake left it in `connection.context`, or a function that is asked
   * when a connection opens. Undefined: the connection is not subject to the rule, and counted (`unidentified`).
   *
   * note: **it must be authenticated**: something the peer has proved to be, such as a public key that signed the
   * handshake. Where peers merely claim it, anybody can push anybody else out, or lock them out.
   */
  readonly identity: ContextKey<string> | ((connection: Connection) => string | undefined);
} & (
  | {
      /** @default 'tie-break' */
      readonly onDuplicate?: 'tie-break';
      /**
       * Who this node is, as its peers know it: the tie-break compares both. A peer with the same identity is taken
       * for this node itself, and its connection ended.
       */
      readonly localIdentity: LocalIdentity;
    }
  | {
      readonly onDuplicate: 'keep-older' | 'keep-newer';
      readonly localIdentity?: LocalIdentity;
    }
);

/** What {@link UniquePeer.events} tell. */
export interface UniquePeerEvents {
  /** This side ended one of two connections with a peer. */
  duplicate: [{ readonly identity: string; readonly ended: Connection; readonly kept: Connection }];
}

/**
 * One connection a peer, told by who the peer is rather than by its address. It decides the moment a connection opens;
 * {@link uniquePeer} makes it.
 *
 * `'tie-break'`, for nodes that dial each other; both sides run it, and keep the same connection in whatever order each
 * of them sees the two open:
 *
 * ```text
 *   the two were dialled   by different sides    kept is the one that the smaller identity dialled, on both sides
 *                          by the same side      the accepting side keeps the one that opened first there, and
 *                                                the dialling side leaves it to it
 * ```
 *
 * Identities are compared by UTF-16 code units, as `<` does. `'keep-older'` and `'keep-newer'` go by the order in which
 * this side saw them open: for a server whose clients do not run the plugin. Where both sides did, they could keep
 * different ones, and end up with none.
 *
 * note: the duplicate is ended by `disconnect()`: reason `{ origin: 'user', why, error }`, whose
 * `error` has the code P2P_ERR_DUPLICATE_PEER, what is
 * queued on it is flushed, {@link duplicateOf} names the other. If that is the new one, hooks behind the plugin hear nothing of it.
 * note: what the peer sent on it and no handler has been given yet is lost, as with any disconnect.
 * note: a connection whose end this side has not noticed yet counts as open, `idleTimeoutMs` at most.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class UniquePeer implements Hooks<unknown> {
  static readonly plugin = { name: 'unique-peer' };
  /** What others can hear. */
  readonly events: PluginEvents<UniquePeerEvents>;
  readonly #options: UniquePeerOptions;
  readonly #onDuplicate: OnDuplicate;
  /** By identity, oldest first. More than one only while an accepting side has yet to decide. */
  readonly #held = new Map<string, readonly Connection[]>();
  #duplicates = 0;
  #unidentified = 0;

  constructor(node: PeerNode<unknown>, options: UniquePeerOptions) {
    this.events = new PluginEvents(node.logger);
    this.#options = options;
    this.#onDuplicate = checked(options);
  }

  /** Peers that are connected: identities, not connections. */
  get size(): number {
    return this.#held.size;
  }

  /** Connections that this side ended as duplicates. It only rises. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Connections without an identity. It only rises. */
  get unidentified(): number {
    return this.#unidentified;
  }

  /** The connection with the peer of this identity. */
  get(identity: string): Connection | undefined {
    return this.#open(identity)[0];
  }

  /**
   * Decides whether the connection is one too many.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when there is a tie to break and `localIdentity` answers undefined, or
   * `identity` answers no text: the connection ends with `{ origin: 'on-connect' }`
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
    // One direction: only the accepting side decides, so that there is one order to go by.
    if (older.direction === newer.direction) return newer.direction === 'inbound' ? 'older' : 'both';
    if (local === undefined) {
      throw invalidConfig(
        '`localIdentity` must be known when there is a tie to break, and it answered undefined',
      );
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

  /** Until its teardown begins. `signal` rather than `@OnDisconnect`, which another's slow hook can keep from being called. */
  #hold(identity: string, connection: Connection): void {
    this.#held.set(identity, [...(this.#held.get(identity) ?? []), connection]);
    connection.signal.addEventListener('abort', () => this.#release(identity, connection), { once: true });
  }

  #release(identity: string, connection: Connection): void {
    const rest = this.#held.get(identity)?.filter((held) => held !== connection) ?? [];
    if (rest.length > 0) this.#held.set(identity, rest);
    else this.#held.delete(identity);
    // The other side ended it, or the network: the peer is connected all the same.
    const kept = rest.find(isOpen);
    if (kept !== undefined && !connection.context.has(duplicateOf)) connection.context.set(duplicateOf, kept);
  }

  /** Those that are not ending, oldest first. */
  #open(identity: string): readonly Connection[] {
    return this.#held.get(identity)?.filter(isOpen) ?? [];
  }

  #identityOf(connection: Connection): string | undefined {
    const { identity } = this.#options;
    const found: unknown =
      typeof identity === 'function' ? identity(connection) : connection.context.get(identity);
    if (found === undefined || typeof found === 'string') return found;
    throw invalidConfig(`\`identity\` must answer a text or undefined, not ${typeof found}`);
  }

  #localIdentity(): string | undefined {
    const { localIdentity } = this.#options;
    return typeof localIdentity === 'function' ? localIdentity() : localIdentity;
  }
}

/**
 * {@link UniquePeer} with options.
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
    throw invalidConfig('`localIdentity` must be a text or a function');
  }
  return onDuplicate;
}

function isIdentity(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'function';
}
