import {
  definePlugin,
  HANDLED,
  PLUGIN_STATE,
  type Connection,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import { excerpt, peerFields, PluginEvents } from '@pea2pea/core/authoring';
import { policyError } from '../shared/errors.js';
import { AddressAllowances, Allowance } from './allowance.js';
import { resolveRateLimit, type RateLimitOptions, type ResolvedRateLimit } from './options.js';
import { StandstillWatch } from './standstill.js';

/** How many messages were above each limit. A message above several counts for the first of them, in this order. */
export interface ExceededCounts {
  /** Above `messagesPerSecond` of `perConnection`. */
  readonly connectionMessages: number;
  /** Above `bytesPerSecond` of `perConnection`. */
  readonly connectionBytes: number;
  /** Above `messagesPerSecond` of `perIp`. */
  readonly ipMessages: number;
  /** Above `bytesPerSecond` of `perIp`. */
  readonly ipBytes: number;
}

/** The limits in the order in which they are checked, with their descriptions for people. */
const LIMITS = {
  connectionMessages: 'messages per second on one connection',
  connectionBytes: 'bytes per second on one connection',
  ipMessages: 'messages per second from one IP address',
  ipBytes: 'bytes per second from one IP address',
} as const satisfies Record<keyof ExceededCounts, string>;

/** The events of {@link RateLimit.events}. */
export interface RateLimitEvents {
  /** A connection has exceeded a limit for the first time. */
  exceeded: [{ readonly connection: Connection; readonly limit: keyof ExceededCounts }];
}

/** What is kept for a connection that has sent something. */
interface Sender {
  readonly allowance: Allowance;
  /** The allowance of its IP address, shared with the other connections of that address. */
  shared: Allowance;
  /** `stats.bytesReceived` at its last message. */
  bytesSeen: number;
  told: boolean;
}

/** A connection that has exceeded a limit, for snapshots. */
interface Offender {
  readonly connection: number;
  readonly address: string;
  readonly limit: keyof ExceededCounts;
  /** When it did so first, in milliseconds since the Unix epoch. */
  readonly firstAt: number;
}

const MOST_OFFENDERS = 20;

/**
 * Limits how many messages and bytes each connection, and each IP address over all its connections, may send.
 * {@link rateLimit} makes it.
 *
 * ```ts
 * node.use(rateLimit({ perConnection: { messagesPerSecond: 20 } }));
 * @Peer({ codec, plugins: [rateLimit({ perConnection: { messagesPerSecond: 20 } })] })
 * ```
 *
 * note: list it after `bans`, and before the plugins that it protects.
 * note: received bytes are counted against the next message. If a chunk of 64 KiB contains several messages, all its bytes
 * are counted against the first; those of an unfinished frame once it is complete.
 * note: each limit is a token bucket. No peer is held back longer than `burstSeconds` for having sent too much.
 * note: what arrived while this process stood still is granted: it was sent over all of that time.
 * note: one timer per node, once a second while there are connections; a connection that sends nothing uses no memory here.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class RateLimit implements Hooks<unknown> {
  /** Its name among the plugins of a node, and those that it must come after and before. */
  static readonly plugin = { name: 'rate-limit', after: ['bans'], before: ['requests'] };
  /** Events for other parts of the program. */
  readonly events: PluginEvents<RateLimitEvents>;
  readonly #node: PeerNode<unknown>;
  readonly #limits: ResolvedRateLimit;
  readonly #senders = new WeakMap<Connection, Sender>();
  readonly #addresses: AddressAllowances;
  readonly #exceeded: { -readonly [Limit in keyof ExceededCounts]: number } = {
    connectionMessages: 0,
    connectionBytes: 0,
    ipMessages: 0,
    ipBytes: 0,
  };
  readonly #standstill: StandstillWatch;
  #heldBack = 0;
  /** Connections that have exceeded a limit, and the latest of them. */
  #offenders = 0;
  readonly #latestOffenders: Offender[] = [];

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: RateLimitOptions = {}) {
    this.#node = node;
    this.events = new PluginEvents(node.logger);
    this.#limits = resolveRateLimit(options, node.config);
    this.#standstill = new StandstillWatch(node.config.clock);
    const { perIp, ipv6PrefixLength, maxAddresses } = this.#limits;
    this.#addresses = new AddressAllowances(perIp, ipv6PrefixLength, maxAddresses);
  }

  /** How many messages were above a limit so far, whatever happened to them. */
  get exceeded(): ExceededCounts {
    return { ...this.#exceeded };
  }

  /** How many connections are held back now; only with `'slow'`. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** How many IP addresses and prefixes are remembered now; at most `maxAddresses`. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** How many addresses were forgotten early because there were more than `maxAddresses`. It only rises. */
  get evictedAddresses(): number {
    return this.#addresses.evicted;
  }

  /** Watches this process as long as there are connections. */
  onConnect(): void {
    this.#standstill.start(this.#hasConnections);
  }

  /** Ends that watch. */
  onStop(): void {
    this.#standstill.stop();
  }

  /** Counts the message. @throws {PeerError} P2P_ERR_RATE_LIMITED above a limit, with `'disconnect'` */
  onMessage(_message: unknown, connection: Connection): undefined | typeof HANDLED | Promise<void> {
    const nowMs = this.#node.config.clock.now();
    const sender = this.#senders.get(connection) ?? this.#meet(connection, nowMs);
    if (sender.shared.forgotten) sender.shared = this.#addresses.of(connection.address, nowMs);
    const { allowance, shared } = sender;
    this.#standstill.look(nowMs);
    allowance.forgive(this.#standstill, nowMs);
    shared.forgive(this.#standstill, nowMs);
    shared.usedMs = nowMs;
    const { bytesReceived } = connection.stats;
    const bytes = bytesReceived - sender.bytesSeen;
    sender.bytesSeen = bytesReceived;

    const connectionMessages = allowance.messages?.take(1, nowMs) ?? 0;
    const connectionBytes = allowance.bytes?.take(bytes, nowMs) ?? 0;
    const ipMessages = shared.messages?.take(1, nowMs) ?? 0;
    const ipBytes = shared.bytes?.take(bytes, nowMs) ?? 0;
    const waitMs = Math.max(connectionMessages, connectionBytes, ipMessages, ipBytes);
    if (waitMs === 0) return undefined;
    return this.#exceed(
      sender,
      connection,
      { connectionMessages, connectionBytes, ipMessages, ipBytes },
      waitMs,
    );
  }

  /** What snapshots show: the counters, who was above a limit last, and which addresses have nothing left now. */
  [PLUGIN_STATE](): unknown {
    const nowMs = this.#node.config.clock.now();
    const { whenExceeded } = this.#limits;
    const limits = Object.fromEntries(
      (Object.keys(LIMITS) as (keyof ExceededCounts)[]).map((limit) => [limit, this.#rateOf(limit) ?? null]),
    );
    return {
      whenExceeded,
      perSecond: limits,
      exceeded: { ...this.#exceeded },
      heldBack: this.#heldBack,
      addresses: this.#addresses.size,
      evictedAddresses: this.#addresses.evicted,
      offenders: { total: this.#offenders, items: [...this.#latestOffenders] },
      spentAddresses: excerpt(this.#addresses.spent(nowMs), ([address, allowance]) => ({
        address,
        ...allowance.left(nowMs),
      })),
    };
  }

  readonly #hasConnections = (): boolean => this.#node.connections.size > 0;

  #meet(connection: Connection, nowMs: number): Sender {
    const sender: Sender = {
      allowance: new Allowance(this.#limits.perConnection, nowMs),
      shared: this.#addresses.of(connection.address, nowMs),
      bytesSeen: 0,
      told: false,
    };
    this.#senders.set(connection, sender);
    return sender;
  }

  #exceed(
    sender: Sender,
    connection: Connection,
    waitsMs: ExceededCounts,
    waitMs: number,
  ): typeof HANDLED | Promise<void> {
    const limit = (Object.keys(LIMITS) as (keyof ExceededCounts)[]).find((name) => waitsMs[name] > 0)!;
    this.#exceeded[limit]++;
    const { whenExceeded } = this.#limits;
    if (whenExceeded === 'slow') {
      this.#warn(sender, connection, limit, 'a peer sends too much and is slowed down');
      return this.#holdBack(connection, waitMs);
    }
    // A message that is not handled is not charged, so that 'drop' lets as many through as are allowed; its bytes are.
    sender.allowance.messages?.putBack(1);
    sender.shared.messages?.putBack(1);
    if (whenExceeded === 'drop') {
      this.#warn(sender, connection, limit, 'a peer sends too much, its messages are dropped');
      return HANDLED;
    }
    this.#tell(sender, connection, limit);
    const what = `${connection.address} sent more than ${this.#rateOf(limit)} ${LIMITS[limit]}`;
    throw policyError('P2P_ERR_RATE_LIMITED', what);
  }

  /** Resolves when the peer is back at the limit, or the connection ends. */
  #holdBack(connection: Connection, waitMs: number): Promise<void> {
    this.#heldBack++;
    return new Promise((resolve) => {
      const { signal } = connection;
      const release = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', release);
        this.#heldBack--;
        resolve();
      };
      const timer = this.#node.config.clock.setTimeout(release, Math.ceil(waitMs));
      signal.addEventListener('abort', release);
    });
  }

  #warn(sender: Sender, connection: Connection, limit: keyof ExceededCounts, text: string): void {
    if (!this.#tell(sender, connection, limit)) return;
    const fields = { ...peerFields(connection), limit, perSecond: this.#rateOf(limit) };
    this.#node.logger.warn(fields, text);
  }

  /** Emits the event and returns true, once per connection: there is no event or log line per message. */
  #tell(sender: Sender, connection: Connection, limit: keyof ExceededCounts): boolean {
    if (sender.told) return false;
    sender.told = true;
    this.#offenders++;
    const { id, address } = connection;
    const firstAt = Math.round(this.#node.config.clock.date());
    this.#latestOffenders.unshift({ connection: id, address: address.toString(), limit, firstAt });
    this.#latestOffenders.length = Math.min(this.#latestOffenders.length, MOST_OFFENDERS);
    this.events.emit('exceeded', { connection, limit });
    return true;
  }

  #rateOf(limit: keyof ExceededCounts): number | undefined {
    const { perConnection, perIp } = this.#limits;
    switch (limit) {
      case 'connectionMessages':
        return perConnection.messages?.perSecond;
      case 'connectionBytes':
        return perConnection.bytes?.perSecond;
      case 'ipMessages':
        return perIp.messages?.perSecond;
      case 'ipBytes':
        return perIp.bytes?.perSecond;
    }
  }
}

/** Lists {@link RateLimit} among the plugins of a node, `node.use(rateLimit({ … }))`, or of a peer. */
export const rateLimit = definePlugin(RateLimit);
