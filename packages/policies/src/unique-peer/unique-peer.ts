import {
  contextKey,
  definePlugin,
  PLUGIN_STATE,
  type Clock,
  type Connection,
  type ContextKey,
  type Hooks,
  type Logger,
  type PeerNode,
} from '@pea2pea/core';
import {
  describe,
  excerpt,
  invalidConfig,
  LogThrottle,
  peerFields,
  PluginEvents,
  printable,
  requireAtOnce,
} from '@pea2pea/core/authoring';
import { policyError } from '../shared/errors.js';
import { resolveUniquePeer, type UniquePeerOptions, type UniquePeerRule } from './options.js';

/**
 * The context key under which a connection that ended as a duplicate has the connection with the same peer that was kept.
 * `uniquePeer` sets it on both sides; `reconnect` reads it, and dials again when the kept connection ends.
 */
export const duplicateOf: ContextKey<Connection> = contextKey<Connection>('pea2pea.duplicate-of');

/** The longest identity in a snapshot, in characters. */
const LONGEST_SHOWN = 128;

/** A connection that counts. */
interface Held {
  readonly connection: Connection;
  readonly sinceMs: number;
  /** How many takeovers in quick succession led to it. */
  readonly takeovers: number;
}

/** A connection that took over can be taken over when it is twice as old, and so on, up to this many times as old. */
const MAX_PATIENCE = 8;

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
 * That is for connections that open at about the same time. One that has been open for `takeoverAfterMs` gives way to one
 * that its peer dials anew: the peer has proved who it is, and its old connection may have died without this side noticing.
 * The accepting side decides that alone, and the dialling side leaves it to it. With `'keep-older'` the old one gives way to
 * one that this side dials, too: the peer may run the same rule, accept the new one, and end the old one.
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
 * note: where two processes share an identity and both keep dialling, each takes the connection from the other, less and less
 * often: after `takeoverAfterMs`, then after 2, 4 and 8 times as long. It is a warning in the log, at most one a minute.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class UniquePeer implements Hooks<unknown> {
  /** Its name among the plugins of a node. */
  static readonly plugin = { name: 'unique-peer' };
  /** Events for other parts of the program. */
  readonly events: PluginEvents<UniquePeerEvents>;
  readonly #options: UniquePeerOptions;
  readonly #rule: UniquePeerRule;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #suspicion: LogThrottle;
  /** The connections by identity, oldest first. There are several only while the accepting side has yet to decide. */
  readonly #held = new Map<string, readonly Held[]>();
  /** Those that are being probed. */
  readonly #probed = new WeakSet<Connection>();
  #duplicates = 0;
  #takeovers = 0;
  #unidentified = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: UniquePeerOptions) {
    this.events = new PluginEvents(node.logger);
    this.#options = options;
    this.#rule = resolveUniquePeer(options);
    this.#clock = node.config.clock;
    this.#logger = node.logger;
    this.#suspicion = new LogThrottle(this.#clock, 60_000);
  }

  /** How many identities are connected. */
  get size(): number {
    return this.#held.size;
  }

  /** How many connections this side ended as duplicates. It only rises. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** How many of them gave way to a peer that dialled again. It only rises. */
  get takeovers(): number {
    return this.#takeovers;
  }

  /** How many connections had no identity. It only rises. */
  get unidentified(): number {
    return this.#unidentified;
  }

  /** The open connection with the peer of this identity; the oldest, if there are several. */
  get(identity: string): Connection | undefined {
    return this.#open(identity)[0]?.connection;
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
      const kept = others[keepsOther]!.connection;
      this.#end(identity, connection, kept);
      if (connection.direction === 'inbound') void this.#probe(kept);
      return;
    }
    const lost = others.filter((_, index) => verdicts[index] === 'takes-over');
    const takeovers = Math.max(0, ...lost.map((other) => this.#takeoversAfter(other)));
    this.#hold(identity, { connection, sinceMs: this.#clock.now(), takeovers });
    if (lost.length > 0) this.#tellTakeover(connection, takeovers);
    for (const [index, other] of others.entries()) {
      if (verdicts[index] !== 'both') this.#end(identity, other.connection, connection);
    }
  }

  /** What snapshots show: how many peers there are, how often they were here twice, and who is at this moment. */
  [PLUGIN_STATE](): unknown {
    return {
      ...this.#rule,
      takeoverAfterMs: this.#rule.takeoverAfterMs === Infinity ? null : this.#rule.takeoverAfterMs,
      identities: this.#held.size,
      unidentified: this.#unidentified,
      duplicates: this.#duplicates,
      takeovers: this.#takeovers,
      undecided: excerpt(this.#undecided(), ([identity, held]) => ({
        identity: printable(identity, LONGEST_SHOWN),
        connections: held.map(({ connection }) => connection.id),
      })),
    };
  }

  *#undecided(): Generator<readonly [identity: string, held: readonly Held[]]> {
    for (const entry of this.#held) if (entry[1].length > 1) yield entry;
  }

  #verdict(
    { connection: older, sinceMs, takeovers }: Held,
    newer: Connection,
    remote: string,
    local: string | undefined,
  ): 'older' | 'newer' | 'takes-over' | 'both' {
    const { onDuplicate, takeoverAfterMs } = this.#rule;
    if (onDuplicate === 'keep-newer') return 'newer';
    const ageMs = this.#clock.now() - sinceMs;
    const isOld = ageMs >= takeoverAfterMs * Math.min(2 ** takeovers, MAX_PATIENCE);
    // Whoever dialled: the other side, with the same rule, would end the one that this side keeps.
    if (onDuplicate === 'keep-older') return isOld ? 'takes-over' : 'older';
    if (newer.direction === 'inbound') {
      if (isOld) return 'takes-over';
    } else if (older.direction === 'outbound' || ageMs >= takeoverAfterMs / 2) {
      // Only the accepting side decides. It may find the older one old enough a little earlier than this side does.
      return 'both';
    }
    if (older.direction === newer.direction) return 'older';
    if (local === undefined) {
      throw invalidConfig('`localIdentity` must be known for a tie-break, but it returned undefined');
    }
    const kept = local < remote ? 'outbound' : 'inbound';
    return newer.direction === kept ? 'newer' : 'older';
  }

  /** Counted in a row; one that has lasted ends the row. */
  #takeoversAfter({ sinceMs, takeovers }: Held): number {
    const hasLasted = this.#clock.now() - sinceMs >= 2 * MAX_PATIENCE * this.#rule.takeoverAfterMs;
    return hasLasted ? 1 : takeovers + 1;
  }

  #tellTakeover(connection: Connection, inARow: number): void {
    this.#takeovers++;
    const fields = { ...peerFields(connection), inARow };
    this.#logger.debug(fields, 'a peer has dialled again, and its older connection ends');
    if (inARow === 1) return;
    this.#suspicion.run((suppressed) => {
      const text = 'a peer takes over from itself again and again: perhaps two processes share an identity';
      this.#logger.warn({ ...fields, suppressed }, text);
    });
  }

  #end(identity: string, loser: Connection, kept: Connection): void {
    this.#duplicates++;
    loser.context.set(duplicateOf, kept);
    const what = `connection ${kept.id} with the same peer is kept`;
    void loser.disconnect(policyError('P2P_ERR_DUPLICATE_PEER', what));
    this.events.emit('duplicate', { identity, ended: loser, kept });
  }

  /** The peer dials again, though it has a connection: that one may have died without this side noticing. */
  async #probe(kept: Connection): Promise<void> {
    const { probe } = this.#options;
    if (probe === undefined || this.#probed.has(kept)) return;
    this.#probed.add(kept);
    try {
      if ((await probe(kept)) || kept.state !== 'open') return;
      const what = `${kept.address} dials again, and does not respond on its older connection`;
      void kept.disconnect(policyError('P2P_ERR_PEER_UNRESPONSIVE', what));
    } catch (error) {
      this.#logger.error({ ...peerFields(kept), err: error }, '`probe` of uniquePeer failed');
    } finally {
      this.#probed.delete(kept);
    }
  }

  /** Holds the connection until its teardown begins. `signal` tells at once; `onDisconnect` would wait for hooks before it. */
  #hold(identity: string, held: Held): void {
    this.#held.set(identity, [...(this.#held.get(identity) ?? []), held]);
    const { connection } = held;
    connection.signal.addEventListener('abort', () => this.#release(identity, connection), { once: true });
  }

  #release(identity: string, connection: Connection): void {
    const rest = this.#held.get(identity)?.filter((held) => held.connection !== connection) ?? [];
    if (rest.length > 0) this.#held.set(identity, rest);
    else this.#held.delete(identity);
    // If the other side or the network ended it, the peer is still connected by the other connection.
    const kept = rest.find(isOpen)?.connection;
    if (kept !== undefined && !connection.context.has(duplicateOf)) connection.context.set(duplicateOf, kept);
  }

  /** The open connections of an identity, oldest first. */
  #open(identity: string): readonly Held[] {
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

function isOpen({ connection }: Held): boolean {
  return connection.state === 'open';
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for anything else, such as a promise: it would be compared as what it is printed as */
function requireIdentity(name: string, found: string | undefined): string | undefined {
  if (requireAtOnce(`\`${name}\``, found) === undefined || typeof found === 'string') return found;
  throw invalidConfig(`\`${name}\` must return a string or undefined, not ${describe(found)}`);
}
