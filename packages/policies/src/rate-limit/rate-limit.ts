import { definePlugin, HANDLED, type Connection, type Hooks, type PeerNode } from '@pea2pea/core';
import { PluginEvents } from '@pea2pea/core/authoring';
import { policyError } from '../shared/errors.js';
import { AddressAllowances, Allowance } from './allowance.js';
import { resolveRateLimit, type RateLimitOptions, type ResolvedRateLimit } from './options.js';

/** Messages above a limit, by the limit. One that is above several counts for the first of them. */
export interface ExceededCounts {
  readonly connectionMessages: number;
  readonly connectionBytes: number;
  readonly ipMessages: number;
  readonly ipBytes: number;
}

/** The limits in the order in which they are looked at, as texts for people. */
const LIMITS = {
  connectionMessages: 'messages a second on one connection',
  connectionBytes: 'bytes a second on one connection',
  ipMessages: 'messages a second from one IP address',
  ipBytes: 'bytes a second from one IP address',
} as const satisfies Record<keyof ExceededCounts, string>;

/** What {@link RateLimit.events} tell. */
export interface RateLimitEvents {
  /** A connection is above a limit for the first time. */
  exceeded: [{ readonly connection: Connection; readonly limit: keyof ExceededCounts }];
}

/** What is known about a connection that has sent something. */
interface Sender {
  readonly allowance: Allowance;
  /** Shared with the other connections of its IP address. */
  shared: Allowance;
  /** `stats.bytesReceived` as of its last message. */
  bytesSeen: number;
  told: boolean;
}

/**
 * Limits how many messages and bytes each connection, and each IP address over all its connections, may send.
 *
 * ```ts
 * node.use(rateLimit({ perConnection: { messagesPerSecond: 20 } }));
 * @Peer({ codec, plugins: [rateLimit({ perConnection: { messagesPerSecond: 20 } })] })
 * ```
 *
 * note: list it before what it is to protect, after `bans`.
 * note: bytes are counted when they arrive and charged with the next message: a chunk of 64 KiB with many messages is
 * charged with the first of them, an unfinished frame not before it is complete.
 * note: a limit is a token bucket. Nobody pays longer than `burstSeconds` for what was too much.
 * note: a connection that sends nothing costs nothing.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class RateLimit implements Hooks<unknown> {
  static readonly plugin = { name: 'rate-limit', after: ['bans'], before: ['requests'] };
  /** What others can hear. */
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
  #heldBack = 0;

  constructor(node: PeerNode<unknown>, options: RateLimitOptions = {}) {
    this.#node = node;
    this.events = new PluginEvents(node.logger);
    this.#limits = resolveRateLimit(options, node.config);
    const { perIp, ipv6PrefixLength, maxAddresses } = this.#limits;
    this.#addresses = new AddressAllowances(perIp, ipv6PrefixLength, maxAddresses);
  }

  /** Messages above a limit so far, whatever became of them. */
  get exceeded(): ExceededCounts {
    return { ...this.#exceeded };
  }

  /** Connections that are held back now; with `'slow-down'` only. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** IP addresses and prefixes that are remembered now, `maxAddresses` at most. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** Addresses that were forgotten too early, as there were more than `maxAddresses`. */
  get evictedAddresses(): number {
    return this.#addresses.evicted;
  }

  /** @throws {PeerError} P2P_ERR_RATE_LIMITED above a limit, with `'disconnect'` */
  onMessage(_message: unknown, connection: Connection): undefined | typeof HANDLED | Promise<void> {
    const nowMs = this.#node.config.clock.now();
    const sender = this.#senders.get(connection) ?? this.#meet(connection, nowMs);
    if (sender.shared.forgotten) sender.shared = this.#addresses.of(connection.address, nowMs);
    const { allowance, shared } = sender;
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
    if (whenExceeded === 'slow-down') {
      this.#warn(sender, connection, limit, 'a peer sends too much and is slowed down');
      return this.#holdBack(connection, waitMs);
    }
    // It is not handled, so it is not charged: with 'drop' as many get through as may. The bytes have arrived.
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

  /** Resolves when the debt is paid, or the connection ends. */
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
    const fields = { peer: connection.address.toString(), limit, perSecond: this.#rateOf(limit) };
    this.#node.logger.warn(fields, text);
  }

  /** Once for each connection: nothing is told per message. */
  #tell(sender: Sender, connection: Connection, limit: keyof ExceededCounts): boolean {
    if (sender.told) return false;
    sender.told = true;
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

/** {@link RateLimit} with options: `node.use(rateLimit({ … }))`, or among the `plugins` of a peer. */
export const rateLimit = definePlugin(RateLimit);
