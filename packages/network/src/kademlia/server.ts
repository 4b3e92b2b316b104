import type { Connection, PeerNode } from '@pea2pea/core';
import { LogThrottle, peerFields, requireAtOnce, TokenBucket } from '@pea2pea/core/authoring';
import { RequestError, type Requests } from '@pea2pea/rpc';
import { groupOf, LOCAL_GROUP } from '../shared/groups.js';
import type { PeerAddress } from '../shared/peer-address.js';
import type { Contact } from './contact.js';
import type { Counts } from './counts.js';
import {
  FIND_NODE,
  FIND_PROVIDERS,
  FIND_VALUE,
  PING,
  PROVIDE,
  REFUSALS,
  STORE,
  type FindParams,
  type FindResult,
  type Refusal,
} from './messages.js';
import type { ResolvedKademliaOptions } from './options.js';
import type { Providers } from './providers.js';
import { isAuthentic, keyOf, readRecord, writeRecord, type DhtRecord } from './record.js';
import type { RoutingTable } from './routing-table.js';
import type { Values } from './values.js';

/** One line a second, whatever is refused. */
const LOG_INTERVAL_MS = 1_000;

/** What serving needs from its node. */
export interface ServerContext {
  readonly node: PeerNode<unknown>;
  readonly options: ResolvedKademliaOptions;
  readonly values: Values;
  readonly providers: Providers;
  readonly counts: Counts;
  /** The table, once the node knows who it is. */
  table(): RoutingTable | undefined;
  /** The contacts closest to a target that others may be told. */
  told(target: Buffer): readonly Contact[];
  /** Where the peer of a connection listens; undefined where it does not say so, or has no identity. */
  addressOf(connection: Connection): PeerAddress | undefined;
}

/** Serves the requests of peers. Everything that it refuses is counted, and logged. */
export class Server {
  readonly #context: ServerContext;
  readonly #buckets = new WeakMap<Connection, TokenBucket>();
  readonly #log: LogThrottle;

  constructor(context: ServerContext, requests: Requests) {
    this.#context = context;
    this.#log = new LogThrottle(context.node.config.clock, LOG_INTERVAL_MS);
    requests
      .serve(PING, (_params, connection) => this.#serve(connection, () => null))
      .serve(FIND_NODE, (params, connection) => this.#serve(connection, () => this.#find(params)))
      .serve(FIND_VALUE, (params, connection) => this.#serve(connection, () => this.#findValue(params)))
      .serve(FIND_PROVIDERS, (params, connection) =>
        this.#serve(connection, () => this.#findProviders(params)),
      )
      .serve(STORE, (params, connection) =>
        this.#serve(connection, () => {
          const { record: message, ttlSeconds } = params;
          const record = readRecord(message, this.#context.options.maxValueBytes);
          if (record === undefined) throw refusal('invalid');
          this.#store(record, 1_000 * ttlSeconds, connection);
          return null;
        }),
      )
      .serve(PROVIDE, ({ key }, connection) =>
        this.#serve(connection, () => {
          this.#provide(key, connection);
          return null;
        }),
      );
  }

  /**
   * Until when a record is kept, on the monotonic clock; undefined where it is not one to keep: forged, over, or not of this application.
   */
  keptUntilMs(record: DhtRecord, key: Buffer, ttlMs: number): number | undefined {
    const { node, options } = this.#context;
    const { clock } = node.config;
    if (record.value.length > options.maxValueBytes || !isAuthentic(record)) return undefined;
    const leftMs = record.signed === undefined ? ttlMs : record.signed.expiresMs - clock.date();
    const keptMs = Math.min(ttlMs, leftMs, options.valueTtlMs);
    if (keptMs <= 0 || !this.#isAccepted(record, key)) return undefined;
    return clock.now() + keptMs;
  }

  #isAccepted(record: DhtRecord, key: Buffer): boolean {
    try {
      return requireAtOnce('`accepts`', this.#context.options.accepts(record, key.toString('hex'))) === true;
    } catch (error) {
      this.#log.run(() => this.#context.node.logger.error({ err: error }, '`accepts` of kademlia threw'));
      return false;
    }
  }

  #serve<T>(connection: Connection, work: () => T): T {
    const { counts, node, options } = this.#context;
    try {
      let bucket = this.#buckets.get(connection);
      const nowMs = node.config.clock.now();
      if (bucket === undefined) {
        const { requestsPerSecond } = options;
        bucket = new TokenBucket({ perSecond: requestsPerSecond, capacity: 2 * requestsPerSecond }, nowMs);
        this.#buckets.set(connection, bucket);
      }
      if (bucket.take(1, nowMs) > 0) {
        bucket.putBack(1);
        throw refusal('busy');
      }
      const result = work();
      counts.served++;
      return result;
    } catch (error) {
      const why = refusalOf(error);
      if (why !== undefined) this.#refused(why, connection);
      throw error;
    }
  }

  #refused(why: Refusal, connection: Connection): void {
    const { counts, node } = this.#context;
    counts.refused[why]++;
    this.#log.run((suppressed) => {
      const fields = { ...peerFields(connection), why, times: suppressed + 1 };
      node.logger.debug(fields, 'requests of kademlia were refused');
    });
  }

  #find({ target }: FindParams): FindResult {
    const contacts = this.#context.told(Buffer.from(target, 'hex')).map(({ peer }) => peer.toString());
    return { contacts };
  }

  #findValue(params: FindParams): FindResult {
    const nowMs = this.#context.node.config.clock.now();
    const stored = this.#context.values.get(params.target, nowMs);
    if (stored === undefined) return this.#find(params);
    const ttlSeconds = Math.max(1, Math.floor((stored.expiresMs - nowMs) / 1_000));
    return { ...this.#find(params), record: writeRecord(stored.record), ttlSeconds };
  }

  #findProviders(params: FindParams): FindResult {
    const nowMs = this.#context.node.config.clock.now();
    const providers = this.#context.providers.of(params.target, nowMs).map(String);
    return providers.length === 0 ? this.#find(params) : { ...this.#find(params), providers };
  }

  #store(record: DhtRecord, ttlMs: number, connection: Connection): void {
    const { node, values } = this.#context;
    const key = keyOf(record);
    this.#requireNear(key);
    const expiresMs = this.keptUntilMs(record, key, ttlMs);
    if (expiresMs === undefined) throw refusal('invalid');
    const storedMs = node.config.clock.now();
    const why = values.add({ key, record, owner: ownerOf(connection), expiresMs, storedMs });
    if (why !== undefined) throw refusal(why);
  }

  #provide(key: string, connection: Connection): void {
    const { node, options, providers } = this.#context;
    this.#requireNear(Buffer.from(key, 'hex'));
    const peer = this.#context.addressOf(connection);
    if (peer === undefined) throw refusal('unreachable');
    const nowMs = node.config.clock.now();
    const expiresMs = nowMs + options.providerTtlMs;
    const why = providers.add(key, { peer, owner: ownerOf(connection), expiresMs }, nowMs);
    if (why !== undefined) throw refusal(why);
  }

  /** Those that are closer are responsible; twice as many, as this node may know some that are gone. */
  #requireNear(key: Buffer): void {
    const limit = 2 * this.#context.options.k;
    if ((this.#context.table()?.countCloser(key, limit) ?? limit) >= limit) throw refusal('far');
  }
}

/** What the share of a peer is counted by: identities cost nothing, groups of addresses do. */
function ownerOf({ address, identity }: Connection): string {
  const group = groupOf(address);
  return group === LOCAL_GROUP ? (identity ?? address.host) : group;
}

function refusal(why: Refusal): RequestError {
  return new RequestError(REFUSALS[why], why);
}

function refusalOf(error: unknown): Refusal | undefined {
  if (!RequestError.is(error)) return undefined;
  return (Object.keys(REFUSALS) as Refusal[]).find((name) => REFUSALS[name] === error.rpcCode);
}
