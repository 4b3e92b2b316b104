import {
  definePlugin,
  expectedIdentity,
  PeerError,
  type AcceptRequest,
  type Connection,
  type DisconnectReason,
  type Handshake,
  type Hooks,
  IpPrefix,
  PLUGIN_STATE,
  type PeerNode,
  type SocketAddress,
} from '@pea2pea/core';
import {
  parseIp,
  PluginEvents,
  printable,
  requireAtOnce,
  requireInteger,
  wordsOf,
} from '@pea2pea/core/authoring';
import { policyError } from '../shared/errors.js';
import { BanList, type Ban, type IdentityBan } from './ban-list.js';
import { BanStore } from './ban-store.js';
import {
  MAX_DURATION_MS,
  resolveBans,
  type BanEntry,
  type BansOptions,
  type ResolvedBans,
} from './options.js';
import { Strikes } from './strikes.js';
import { blockOf, exactlyOf, identityOf, type AddressTarget, type BanTarget, type Peered } from './target.js';

/** The longest identity in log lines and errors, in characters. */
const LONGEST_SHOWN = 128;
/** Bans of each kind in a snapshot: the last ones. */
const MOST_SHOWN = 100;

/** Options of a ban. */
export interface BanDetails {
  /** How long the ban lasts, in milliseconds; `Infinity` for a permanent one. @default the `durationMs` of the plugin: an hour */
  readonly durationMs?: number;
  /** The reason, for people: one line, cut at 300 characters. @default none */
  readonly why?: string;
}

/** A ban that has begun. */
export interface BanEvent {
  /** The addresses that are banned, such as `203.0.113.7` or `2001:db8::/64`; undefined for the ban of an identity. */
  readonly prefix: string | undefined;
  /** The identity that is banned; undefined for a ban of addresses. */
  readonly identity: string | undefined;
  /** How long it lasts, in milliseconds; `Infinity` for a permanent one. */
  readonly durationMs: number;
  /** The reason, for people. */
  readonly why: string | undefined;
  /** How many connections it ended. */
  readonly ended: number;
}

/** The events of {@link Bans.events}. */
export interface BansEvents {
  /** Addresses were banned, by `ban()` or by strikes; or an identity was, by `ban()`. */
  banned: [BanEvent];
}

/**
 * Refuses addresses that you ban, and bans those that misbehave repeatedly. {@link bans} makes it.
 *
 * ```text
 *   invalid frame, refused handshake, strike() --> strikes --(3 within 10 min)--> ban, for an hour
 *   ban() ----------------------------------------------------------------------> ban
 * ```
 *
 * A banned peer is refused when it connects, before any of its bytes is read; a dial to it fails with P2P_ERR_BANNED; the
 * connections it has are ended when it is banned.
 *
 * note: list it first, before `rateLimit`: plugins before it still see banned peers, and it counts only the failed
 * handshakes of plugins after it.
 * note: what costs a strike can only be meant, or a bug of the peer: malformed, forged. How much a peer sends does not:
 * honest peers relay what others say, and our own process may have stood still. `rateLimit` slows such peers down.
 * note: an IPv6 address stands for its `/64` (`ipv6PrefixLength`); write `/128` after it to ban that address alone.
 * note: nothing runs in the background; bans that are over are removed when others are added.
 * note: an identity that a peer proves (`connection.identity`) is known after its handshake: a peer whose identity is banned
 * is connected for a moment, of which plugins and hooks after this one see nothing; a dial that expects it is refused.
 * note: bans are kept in memory. To keep them across restarts, store `list()` and pass it as the option `banned`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Bans implements Hooks<unknown> {
  /** Its name among the plugins of a node, and those that it must come before. */
  static readonly plugin = { name: 'bans', before: ['rate-limit', 'tls', 'noise'] };
  /** Events for other parts of the program. */
  readonly events: PluginEvents<BansEvents>;
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedBans;
  readonly #bans: BanList;
  readonly #identities: BanStore<IdentityBan>;
  readonly #strikes: Strikes;
  #refused = 0;
  #dialsRefused = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: BansOptions = {}) {
    this.#node = node;
    this.events = new PluginEvents(node.logger);
    this.#options = resolveBans(options, node.config.ipv6PrefixLength);
    this.#bans = new BanList(this.#options.maxEntries);
    this.#identities = new BanStore(this.#options.maxEntries);
    this.#strikes = new Strikes(this.#options);
    const nowMs = this.#nowMs;
    const sinceEpochMs = node.config.clock.date() - nowMs;
    for (const { target, until, why } of this.#options.banned) {
      const untilMs = until === undefined ? Infinity : until - sinceEpochMs;
      if (untilMs <= nowMs) continue;
      if (typeof target === 'string') this.#bans.set({ prefix: this.#blockOf(target), untilMs, why }, nowMs);
      else this.#identities.set(target.identity, { ...target, untilMs, why }, nowMs);
    }
  }

  /** How many inbound peers were refused because they are banned. It only rises. */
  get refused(): number {
    return this.#refused;
  }

  /** How many dials failed because the address is banned. It only rises. */
  get dialsRefused(): number {
    return this.#dialsRefused;
  }

  /** How many bans, and addresses with strikes, were forgotten early because there were more than `maxEntries`. */
  get evicted(): { readonly bans: number; readonly strikes: number } {
    return { bans: this.#bans.evicted + this.#identities.evicted, strikes: this.#strikes.evicted };
  }

  /**
   * Bans an address, a prefix, or an identity, `{ identity }`; ends the connections with it, and returns how many it ended.
   *
   * note: it replaces a ban of the same prefix or identity, even one that would last longer.
   * note: a connection, or anything else with an address, is banned by that address; `ban({ identity: connection.identity! })`
   * bans the peer itself.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for a host name; P2P_ERR_INVALID_CONFIG for an invalid `durationMs` or
   * `identity`
   */
  ban(target: BanTarget, { durationMs = this.#options.durationMs, why }: BanDetails = {}): number {
    if (durationMs !== Infinity) requireInteger('durationMs', durationMs, { min: 1, max: MAX_DURATION_MS });
    const words = why === undefined ? undefined : wordsOf(why);
    const identity = identityOf(target);
    if (identity === undefined) return this.#ban(this.#blockOf(target as AddressTarget), durationMs, words);
    return this.#banIdentity(identity, durationMs, words);
  }

  /**
   * Lifts the ban of exactly this identity, address or prefix, and forgets its strikes. Returns false if there was no such ban.
   *
   * note: a ban of a wider prefix stays in force: check with {@link isBanned}.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  unban(target: BanTarget): boolean {
    const identity = identityOf(target);
    if (identity !== undefined) return this.#identities.delete(identity, this.#nowMs);
    const prefix = this.#blockOf(target as AddressTarget);
    this.#strikes.forget(prefix);
    return this.#bans.delete(prefix, this.#nowMs);
  }

  /** Whether the identity, the address, or every address of the prefix, is banned now. @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
  isBanned(target: BanTarget): boolean {
    const identity = identityOf(target);
    if (identity !== undefined) return this.#identities.get(identity, this.#nowMs) !== undefined;
    return this.#bans.covering(exactlyOf(target as AddressTarget), this.#nowMs) !== undefined;
  }

  /** The bans in force, those of addresses first; of each kind permanent ones first, then oldest first. They can be stored as JSON, and given as the option `banned`. */
  list(): BanEntry[] {
    const nowMs = this.#nowMs;
    return [...this.#bans.all(nowMs), ...this.#identities.all(nowMs)].map((ban) => this.#entryOf(ban));
  }

  /**
   * Counts one strike, or `weight` strikes, against an address, for misbehaviour that only your protocol can detect.
   * Returns true if the address is now banned for it.
   *
   * @param why the reason, for people; also that of the ban, if it is the last strike
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for a prefix wider than a peer and for a host name;
   * P2P_ERR_INVALID_CONFIG when `weight` is not an integer of at least 1
   */
  strike(target: AddressTarget, why = 'misbehaved', weight = 1): boolean {
    requireInteger('weight', weight, { min: 1 });
    return this.#strike(this.#peerOf(target), wordsOf(why), weight);
  }

  /** How many strikes an address has now. @throws {PeerError} P2P_ERR_INVALID_ADDRESS, as {@link strike} */
  strikesOf(target: AddressTarget): number {
    return this.#strikes.count(this.#peerOf(target), this.#nowMs);
  }

  /** Refuses banned peers. */
  onAccept({ address }: AcceptRequest): boolean {
    if (this.#banOf(address) === undefined) return true;
    this.#refused++;
    return false;
  }

  /** Refuses dials to banned addresses and identities, and counts handshakes that fail. @throws {PeerError} P2P_ERR_BANNED when we dialled one */
  onHandshake({ direction, address, signal, context }: Handshake): void {
    if (direction === 'inbound') {
      signal.addEventListener('abort', () => this.#onHandshakeFailed(address, signal.reason), { once: true });
      return;
    }
    const ban = this.#banOf(address) ?? this.#banOfIdentity(context.get(expectedIdentity));
    if (ban === undefined) return;
    this.#dialsRefused++;
    throw this.#bannedError(address, ban);
  }

  /** Ends the connection if the identity that the peer has proved is banned, or it was banned during its handshake. */
  onConnect(connection: Connection): void {
    const ban = this.#banOf(connection.address) ?? this.#banOfIdentity(connection.identity);
    if (ban === undefined) return;
    if (connection.direction === 'inbound') this.#refused++;
    else this.#dialsRefused++;
    void connection.disconnect(this.#bannedError(connection.address, ban));
  }

  /** Counts strikes for the way a connection ended. */
  onDisconnect({ address }: Peered, reason: DisconnectReason): void {
    const weight = this.#weight('strikesFor', this.#options.strikesFor(reason));
    this.#strikePeer(address, inBrief(reason), weight);
  }

  /** Counts strikes for a failed handshake. It must not throw: in an event listener, that would end the process. */
  #onHandshakeFailed(address: SocketAddress, error: unknown): void {
    if (!PeerError.is(error) || error.code === 'P2P_ERR_SHUTTING_DOWN') return;
    try {
      const { strikesForHandshake } = this.#options;
      const weight = this.#weight('strikesForHandshake', strikesForHandshake(error));
      this.#strikePeer(address, `handshake: ${error.code}`, weight);
    } catch (thrown) {
      this.#node.logger.error({ peer: address.toString(), err: thrown }, '`strikesForHandshake` threw');
    }
  }

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG unless it is an integer of at least 0; a promise is not */
  #weight(name: string, returned: number): number {
    return requireInteger(name, requireAtOnce(`\`${name}\``, returned), { min: 0 });
  }

  /** Counts strikes, unless the host is a name, as it may be for a stream given to `connect`: bans are by IP address. */
  #strikePeer({ host }: SocketAddress, why: string, weight: number): void {
    const ip = parseIp(host);
    if (weight === 0 || ip === undefined) return;
    this.#strike(IpPrefix.ofHost(ip, this.#options.ipv6PrefixLength), why, weight);
  }

  /** What snapshots show: the latest bans of addresses and of identities, and the counters. */
  [PLUGIN_STATE](): unknown {
    const nowMs = this.#nowMs;
    const kinds = [this.#bans.all(nowMs), this.#identities.all(nowMs)];
    const evicted = this.evicted;
    return {
      bans: {
        total: kinds[0]!.length + kinds[1]!.length,
        items: kinds.flatMap((bans) =>
          bans
            .slice(-MOST_SHOWN)
            .reverse()
            .map((ban) => this.#entryOf(ban)),
        ),
      },
      refused: this.#refused,
      dialsRefused: this.#dialsRefused,
      withStrikes: this.#strikes.size,
      evictedBans: evicted.bans,
      evictedStrikes: evicted.strikes,
    };
  }

  #strike(peer: IpPrefix, why: string, weight: number): boolean {
    const { durationMs, strikes } = this.#options;
    const nowMs = this.#nowMs;
    // A ban ends all connections of the peer, and those ends must not ban it again, for a shorter time perhaps.
    if (this.#bans.covering(peer, nowMs) !== undefined) return false;
    const total = this.#strikes.add(peer, weight, nowMs);
    if (total < strikes) return false;
    this.#ban(peer, durationMs, total === weight ? why : `${total} strikes, the last: ${why}`);
    return true;
  }

  #ban(prefix: IpPrefix, durationMs: number, why: string | undefined): number {
    const nowMs = this.#nowMs;
    const ban: Ban = { prefix, untilMs: nowMs + durationMs, why };
    this.#bans.set(ban, nowMs);
    const ended = this.#endAll(ban, ({ address }) => {
      const ip = parseIp(address.host);
      return ip !== undefined && prefix.contains(ip);
    });
    this.#tell({ prefix: prefix.toString(), identity: undefined, durationMs, why, ended });
    return ended;
  }

  #banIdentity(identity: string, durationMs: number, why: string | undefined): number {
    const nowMs = this.#nowMs;
    const ban: IdentityBan = { identity, untilMs: nowMs + durationMs, why };
    this.#identities.set(identity, ban, nowMs);
    const ended = this.#endAll(ban, (connection) => connection.identity === identity);
    this.#tell({ prefix: undefined, identity, durationMs, why, ended });
    return ended;
  }

  /** Ends the open connections that `ban` is for, and returns how many. */
  #endAll(ban: Ban | IdentityBan, isFor: (connection: Connection) => boolean): number {
    let ended = 0;
    for (const connection of this.#node.connections) {
      if (connection.state !== 'open' || !isFor(connection)) continue;
      ended++;
      void connection.disconnect(this.#bannedError(connection.address, ban));
    }
    return ended;
  }

  #tell(told: BanEvent): void {
    const { prefix, identity, ...rest } = told;
    const who = identity === undefined ? { prefix } : { identity: printable(identity, LONGEST_SHOWN) };
    this.#node.logger.warn({ ...who, ...rest }, 'banned');
    this.events.emit('banned', told);
  }

  #banOfIdentity(identity: string | undefined): IdentityBan | undefined {
    return typeof identity === 'string' ? this.#identities.get(identity, this.#nowMs) : undefined;
  }

  #banOf({ host }: SocketAddress): Ban | undefined {
    const ip = parseIp(host);
    return ip && this.#bans.covering(IpPrefix.ofAddress(ip), this.#nowMs);
  }

  #blockOf(target: AddressTarget): IpPrefix {
    return blockOf(target, this.#options.ipv6PrefixLength);
  }

  /** The peer that strikes against `target` count for. */
  #peerOf(target: AddressTarget): IpPrefix {
    const block = this.#blockOf(target);
    const peer = IpPrefix.ofHost(block.start, this.#options.ipv6PrefixLength);
    if (block.length >= peer.length) return peer;
    throw new PeerError('P2P_ERR_INVALID_ADDRESS', `${block.toString()} is wider than one peer`);
  }

  #entryOf(ban: Ban | IdentityBan): BanEntry {
    const { untilMs, why } = ban;
    return {
      ...('identity' in ban ? { identity: ban.identity } : { prefix: ban.prefix.toString() }),
      ...(untilMs !== Infinity && { until: this.#dateOf(untilMs) }),
      ...(why !== undefined && { why }),
    };
  }

  /** Its `cause` is the ban, from which `reconnect` sees whether it ends. */
  #bannedError(address: SocketAddress, ban: Ban | IdentityBan): PeerError {
    const entry = this.#entryOf(ban);
    const { until, why, identity } = entry;
    const who =
      identity === undefined ? `${address}` : `${printable(identity, LONGEST_SHOWN)}, at ${address},`;
    const end = until === undefined ? '' : ` until ${new Date(until).toISOString()}`;
    const what = `${who} is banned${end}${why === undefined ? '' : ` (${why})`}`;
    return policyError('P2P_ERR_BANNED', what, { cause: entry });
  }

  get #nowMs(): number {
    return this.#node.config.clock.now();
  }

  /** A time of the monotonic clock as milliseconds since the epoch. */
  #dateOf(atMs: number): number {
    const { clock } = this.#node.config;
    return Math.round(clock.date() + atMs - clock.now());
  }
}

/** The reason without the message of its error, which may quote what the peer sent. */
function inBrief(reason: DisconnectReason): string {
  const cause = 'cause' in reason ? `${reason.origin}: ${reason.cause}` : reason.origin;
  const error = 'error' in reason ? reason.error : undefined;
  return PeerError.is(error) ? `${cause}, ${error.code}` : cause;
}

/** Lists {@link Bans} among the plugins of a node, `node.use(bans({ … }))`, or of a peer. */
export const bans = definePlugin(Bans);
