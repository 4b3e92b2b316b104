import {
  definePlugin,
  PeerError,
  type AcceptRequest,
  type Connection,
  type DisconnectReason,
  type Handshake,
  type Hooks,
  IpPrefix,
  type PeerNode,
  type SocketAddress,
} from '@pea2pea/core';
import { parseIp, PluginEvents, requireInteger } from '@pea2pea/core/authoring';
import { policyError } from '../shared/errors.js';
import { BanList, type Ban } from './ban-list.js';
import {
  MAX_DURATION_MS,
  resolveBans,
  type BanEntry,
  type BansOptions,
  type ResolvedBans,
} from './options.js';
import { Strikes } from './strikes.js';
import { blockOf, exactlyOf, type BanTarget, type Peered } from './target.js';

/** How an address is banned. */
export interface BanDetails {
  /** In milliseconds; `Infinity` is for good. @default the `durationMs` of the plugin, an hour */
  readonly durationMs?: number;
  /** For people. @default none */
  readonly why?: string;
}

/** A ban that begins. */
export interface BanEvent {
  readonly prefix: string;
  /** In milliseconds; `Infinity` is for good. */
  readonly durationMs: number;
  readonly why: string | undefined;
  /** How many connections it ends. */
  readonly ended: number;
}

/** What {@link Bans.events} tell. */
export interface BansEvents {
  /** By `ban()`, or by strikes. */
  banned: [BanEvent];
}

/**
 * Keeps addresses out: those that you ban, and those that misbehave often enough.
 *
 * ```text
 *   invalid frame, rate limit, refused handshake, strike() --> strikes --(3 within 10 min)--> ban, for an hour
 *   ban() ----------------------------------------------------------------------------------> ban
 * ```
 *
 * A banned peer is refused when it connects, before a byte of it is read; a dial to it fails with P2P_ERR_BANNED; the
 * connections that it has end when it is banned.
 *
 * note: list it first, before `rateLimit`: it cannot refuse for those before it, and hears of handshakes that fail after it.
 * note: an IPv6 address stands for its `/64` (`ipv6PrefixLength`); one that is meant alone is written with `/128`.
 * note: nothing runs in the background; a ban that is over is cleared away when others come.
 * note: bans live in memory. Keep `list()`, and give it back as `banned`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Bans implements Hooks<unknown> {
  static readonly plugin = { name: 'bans', before: ['rate-limit', 'tls', 'noise'] };
  /** What others can hear. */
  readonly events: PluginEvents<BansEvents>;
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedBans;
  readonly #bans: BanList;
  readonly #strikes: Strikes;
  #refused = 0;
  #dialsRefused = 0;

  constructor(node: PeerNode<unknown>, options: BansOptions = {}) {
    this.#node = node;
    this.events = new PluginEvents(node.logger);
    this.#options = resolveBans(options, node.config.ipv6PrefixLength);
    this.#bans = new BanList(this.#options.maxEntries);
    this.#strikes = new Strikes(this.#options);
    const nowMs = this.#nowMs;
    const sinceEpochMs = node.config.clock.date() - nowMs;
    for (const { prefix, until, why } of this.#options.banned) {
      const untilMs = until === undefined ? Infinity : until - sinceEpochMs;
      if (untilMs > nowMs) this.#bans.set({ prefix: this.#blockOf(prefix), untilMs, why }, nowMs);
    }
  }

  /** Inbound peers that were refused because they are banned. */
  get refused(): number {
    return this.#refused;
  }

  /** Dials that failed because the address is banned. */
  get dialsRefused(): number {
    return this.#dialsRefused;
  }

  /** What was forgotten before its time, as there was more than `maxEntries`: bans, and addresses with strikes. */
  get evicted(): { readonly bans: number; readonly strikes: number } {
    return { bans: this.#bans.evicted, strikes: this.#strikes.evicted };
  }

  /**
   * Bans an address or a prefix, and ends the connections from there; returns how many those are.
   *
   * note: a ban of the same prefix is replaced, whichever lasts longer.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for a host name;
   * P2P_ERR_INVALID_CONFIG when `durationMs` makes no sense
   */
  ban(target: BanTarget, { durationMs = this.#options.durationMs, why }: BanDetails = {}): number {
    if (durationMs !== Infinity) requireInteger('durationMs', durationMs, { min: 1, max: MAX_DURATION_MS });
    return this.#ban(this.#blockOf(target), durationMs, why);
  }

  /**
   * Ends the ban of just this address or prefix, and forgets its strikes; false where there was none.
   *
   * note: a wider ban stays in force: ask {@link isBanned}.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  unban(target: BanTarget): boolean {
    const prefix = this.#blockOf(target);
    this.#strikes.forget(prefix);
    return this.#bans.delete(prefix, this.#nowMs);
  }

  /** Whether the address, or all of the prefix, is banned now. @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
  isBanned(target: BanTarget): boolean {
    return this.#bans.covering(exactlyOf(target), this.#nowMs) !== undefined;
  }

  /** The bans in force: for good first, then oldest first. `JSON.stringify` keeps them, the option `banned` takes them. */
  list(): BanEntry[] {
    return this.#bans.all(this.#nowMs).map(({ prefix, untilMs, why }) => ({
      prefix: prefix.toString(),
      ...(untilMs !== Infinity && { until: this.#dateOf(untilMs) }),
      ...(why !== undefined && { why }),
    }));
  }

  /**
   * One strike, or `weight` of them, against an address; true when it is banned for it, now. For what only your protocol
   * can judge.
   *
   * @param why for people; the reason of the ban that comes of it
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for a prefix wider than a peer and for a host name;
   * P2P_ERR_INVALID_CONFIG when `weight` is no whole number of at least 1
   */
  strike(target: BanTarget, why = 'misbehaved', weight = 1): boolean {
    requireInteger('weight', weight, { min: 1 });
    return this.#strike(this.#peerOf(target), why, weight);
  }

  /** The strikes that count against an address now. @throws {PeerError} P2P_ERR_INVALID_ADDRESS, as {@link strike} */
  strikesOf(target: BanTarget): number {
    return this.#strikes.count(this.#peerOf(target), this.#nowMs);
  }

  /** False for a banned peer. */
  onAccept({ address }: AcceptRequest): boolean {
    if (this.#banOf(address) === undefined) return true;
    this.#refused++;
    return false;
  }

  /** @throws {PeerError} P2P_ERR_BANNED when we dialled a banned address */
  onHandshake({ direction, address, signal }: Handshake): void {
    if (direction === 'inbound') {
      signal.addEventListener('abort', () => this.#onHandshakeFailed(address, signal.reason), { once: true });
      return;
    }
    const ban = this.#banOf(address);
    if (ban === undefined) return;
    this.#dialsRefused++;
    throw policyError('P2P_ERR_BANNED', `${address} is banned${this.#describe(ban)}`);
  }

  /** Ends the connection of a peer that was banned during its handshake. */
  onConnect(connection: Connection): void {
    if (this.#banOf(connection.address) === undefined) return;
    if (connection.direction === 'inbound') this.#refused++;
    else this.#dialsRefused++;
    void connection.disconnect('banned');
  }

  /** Counts strikes for how a connection ended. */
  onDisconnect({ address }: Peered, reason: DisconnectReason): void {
    const weight = requireInteger('strikesFor', this.#options.strikesFor(reason), { min: 0 });
    this.#strikePeer(address, inBrief(reason), weight);
  }

  /** Runs as an event listener: what it throws would end the process. */
  #onHandshakeFailed(address: SocketAddress, error: unknown): void {
    if (!PeerError.is(error) || error.code === 'P2P_ERR_SHUTTING_DOWN') return;
    try {
      const { strikesForHandshake } = this.#options;
      const weight = requireInteger('strikesForHandshake', strikesForHandshake(error), { min: 0 });
      this.#strikePeer(address, `handshake: ${error.code}`, weight);
    } catch (thrown) {
      this.#node.logger.error({ peer: address.toString(), err: thrown }, 'strikesForHandshake threw');
    }
  }

  /** The host of a stream that somebody brought along may be a name, which nobody can be banned by. */
  #strikePeer({ host }: SocketAddress, why: string, weight: number): void {
    const ip = parseIp(host);
    if (weight === 0 || ip === undefined) return;
    this.#strike(IpPrefix.ofHost(ip, this.#options.ipv6PrefixLength), why, weight);
  }

  #strike(peer: IpPrefix, why: string, weight: number): boolean {
    const { durationMs, strikes } = this.#options;
    const nowMs = this.#nowMs;
    // Its last connections end one after the other: the ban that they have led to is neither doubled nor shortened.
    if (this.#bans.covering(peer, nowMs) !== undefined) return false;
    if (!this.#strikes.add(peer, weight, nowMs)) return false;
    this.#ban(peer, durationMs, `${strikes} strikes, the last: ${why}`);
    return true;
  }

  #ban(prefix: IpPrefix, durationMs: number, why: string | undefined): number {
    const nowMs = this.#nowMs;
    const ban: Ban = { prefix, untilMs: nowMs + durationMs, why };
    this.#bans.set(ban, nowMs);
    let ended = 0;
    for (const connection of this.#node.connections) {
      const ip = parseIp(connection.address.host);
      if (connection.state !== 'open' || ip === undefined || !prefix.contains(ip)) continue;
      ended++;
      void connection.disconnect(why === undefined ? 'banned' : `banned: ${why}`);
    }
    const told: BanEvent = { prefix: prefix.toString(), durationMs, why, ended };
    this.#node.logger.warn({ ...told }, 'banned');
    this.events.emit('banned', told);
    return ended;
  }

  #banOf({ host }: SocketAddress): Ban | undefined {
    const ip = parseIp(host);
    return ip && this.#bans.covering(IpPrefix.ofAddress(ip), this.#nowMs);
  }

  #blockOf(target: BanTarget): IpPrefix {
    return blockOf(target, this.#options.ipv6PrefixLength);
  }

  /** Whom strikes against `target` are counted for. */
  #peerOf(target: BanTarget): IpPrefix {
    const block = this.#blockOf(target);
    const peer = IpPrefix.ofHost(block.start, this.#options.ipv6PrefixLength);
    if (block.length >= peer.length) return peer;
    throw new PeerError('P2P_ERR_INVALID_ADDRESS', `${block.toString()} is more than one peer`);
  }

  #describe({ untilMs, why }: Ban): string {
    const until = untilMs === Infinity ? '' : ` until ${new Date(this.#dateOf(untilMs)).toISOString()}`;
    return why === undefined ? until : `${until} (${why})`;
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

/** Without the text of the error, which may quote what the peer sent. */
function inBrief(reason: DisconnectReason): string {
  const cause = 'cause' in reason ? `${reason.origin}: ${reason.cause}` : reason.origin;
  const error = 'error' in reason ? reason.error : undefined;
  return PeerError.is(error) ? `${cause}, ${error.code}` : cause;
}

/** {@link Bans} with options: `node.use(bans({ … }))`, or among the `plugins` of a peer. */
export const bans = definePlugin(Bans);
