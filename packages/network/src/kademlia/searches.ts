import type { PeerNode } from '@pea2pea/core';
import { networkError } from '../shared/errors.js';
import type { PeerAddress } from '../shared/peer-address.js';
import { contactOf, type Contact } from './contact.js';
import type { Counts, LookUpKind } from './counts.js';
import { nodeIdOf } from './id.js';
import { LookUp, type Found, type LookUpResult, type Reply } from './look-up.js';
import { FIND_NODE, FIND_PROVIDERS, FIND_VALUE, readPeers, STORE, type FindResult } from './messages.js';
import type { Neighbourhood } from './neighbourhood.js';
import type { ResolvedKademliaOptions } from './options.js';
import type { Providers } from './providers.js';
import { isNewer, keyOf, readRecord, writeRecord, type DhtRecord } from './record.js';
import type { Server } from './server.js';
import type { Values } from './values.js';

export interface SearchesContext {
  readonly node: PeerNode<unknown>;
  readonly options: ResolvedKademliaOptions;
  readonly counts: Counts;
  readonly neighbourhood: Neighbourhood;
  readonly values: Values;
  readonly providers: Providers;
  readonly server: Server;
}

/** A value that was found, and for how long it is kept where it was. */
interface Kept {
  readonly record: DhtRecord;
  readonly ttlSeconds: number;
}

interface Search<T> {
  readonly kind: LookUpKind;
  readonly target: Buffer;
  readonly method: typeof FIND_NODE;
  /** What was looked for, in a reply; undefined where it is not there, or is worth nothing. */
  readonly read?: (result: FindResult) => T | undefined;
  readonly isEnough?: (found: readonly Found<T>[]) => boolean;
  /** The hops for the report; undefined where nothing was found. */
  readonly hopsOf: (result: LookUpResult<T>) => number | undefined;
}

/** The look-ups of a node: for nodes, values and providers. */
export class Searches {
  readonly #context: SearchesContext;

  constructor(context: SearchesContext) {
    this.#context = context;
  }

  /** The nodes closest to a target; fewer where `isEnough` says so. @throws {PeerError} P2P_ERR_NO_CONTACTS */
  nodes(target: Buffer, isEnough?: () => boolean): Promise<LookUpResult<never>> {
    return this.#search({
      ...(isEnough !== undefined && { isEnough }),
      kind: 'node',
      target,
      method: FIND_NODE,
      hopsOf: ({ closest, hops }) => (closest.length > 0 ? hops : undefined),
    });
  }

  /** Where the node of an identity is. @throws {PeerError} P2P_ERR_NO_CONTACTS */
  async peer(identity: string): Promise<PeerAddress | undefined> {
    const { closest } = await this.nodes(nodeIdOf(identity));
    return closest.find((contact) => contact.identity === identity)?.peer;
  }

  /** The value of a key. @throws {PeerError} P2P_ERR_NO_CONTACTS */
  async value(key: Buffer): Promise<DhtRecord | undefined> {
    const { node, values, counts } = this.#context;
    const stored = values.get(key.toString('hex'), node.config.clock.now())?.record;
    if (stored !== undefined && stored.signed === undefined) {
      counts.lookedUp('value', 0, 0, 0);
      return stored;
    }
    const result = await this.#search<Kept>({
      kind: 'value',
      target: key,
      method: FIND_VALUE,
      read: (reply) => this.#readValue(reply, key),
      // A content-addressed value is what it is; of a signed one there may be a newer.
      isEnough: (found) => found.some(({ value }) => value.record.signed === undefined),
      hopsOf: ({ found }) => (found.length > 0 ? Math.min(...found.map(({ hops }) => hops)) : undefined),
    });
    const best = result.found.reduce<Kept | undefined>(
      (newest, { value }) => (newest === undefined || isNewer(value.record, newest.record) ? value : newest),
      undefined,
    );
    if (best !== undefined) this.#cache(best, result);
    const ours = stored !== undefined && (best === undefined || isNewer(stored, best.record));
    return ours ? stored : best?.record;
  }

  /** Those who provide a key, as others say. @throws {PeerError} P2P_ERR_NO_CONTACTS */
  async providers(key: Buffer, limit: number): Promise<PeerAddress[]> {
    const { node, providers } = this.#context;
    const own = providers.of(key.toString('hex'), node.config.clock.now());
    const all = (found: readonly Found<PeerAddress[]>[]): PeerAddress[] => {
      const peers = [...own, ...found.flatMap(({ value }) => value)];
      return [...new Map(peers.map((peer) => [peer.identity, peer])).values()];
    };
    const { found } = await this.#search<PeerAddress[]>({
      kind: 'providers',
      target: key,
      method: FIND_PROVIDERS,
      read: ({ providers: named = [] }) => {
        const peers = readPeers(named);
        return peers.length > 0 ? peers : undefined;
      },
      isEnough: (some) => all(some).length >= limit,
      hopsOf: (result) => {
        if (own.length > 0) return 0;
        return result.found.length > 0 ? Math.min(...result.found.map(({ hops }) => hops)) : undefined;
      },
    });
    return all(found).slice(0, limit);
  }

  async #search<T>(search: Search<T>): Promise<LookUpResult<T>> {
    const { node, options, neighbourhood, counts } = this.#context;
    const { k, alpha, paths, perGroup, maxQueries, slowMs } = options;
    const { target, isEnough } = search;
    const { clock } = node.config;
    /** What was read of replies: most of them name the same. */
    const named = new Map<string, Contact | undefined>();
    const start = neighbourhood.table.closest(
      target,
      k,
      ({ contact }) => !neighbourhood.isResting(contact.identity),
    );
    const result = await new LookUp<T>({
      ...{ target, k, alpha, paths, maxQueries, slowMs, clock },
      perGroup: Math.ceil(perGroup / 2),
      timeoutMs: options.lookUpTimeoutMs,
      query: (contact) => this.#query(contact, search, named),
      ...(isEnough !== undefined && { isEnough }),
    }).run(start);
    neighbourhood.table.refreshed(target, clock.now());
    counts.lookedUp(search.kind, search.hopsOf(result), result.queries, result.failures);
    if (result.closest.length === 0 && result.found.length === 0) {
      throw networkError('P2P_ERR_NO_CONTACTS', `no node replied, of ${result.queries} that were asked`);
    }
    return result;
  }

  async #query<T>(
    contact: Contact,
    { target, method, read }: Search<T>,
    named: Map<string, Contact | undefined>,
  ): Promise<Reply<T>> {
    const { options, neighbourhood, counts } = this.#context;
    const reply = await neighbourhood.query(contact, method, { target: target.toString('hex') });
    const contacts: Contact[] = [];
    for (const [index, text] of reply.contacts.entries()) {
      if (!named.has(text)) named.set(text, readPeers([text]).map(contactOf)[0]);
      const other = named.get(text);
      if (other === undefined || index >= options.k) counts.discarded++;
      else if (!other.id.equals(neighbourhood.self) && !neighbourhood.isResting(other.identity)) {
        contacts.push(other);
      }
    }
    return { contacts, found: read?.(reply) };
  }

  #readValue({ record: message, ttlSeconds = 0 }: FindResult, key: Buffer): Kept | undefined {
    if (message === undefined) return undefined;
    const { options, server, counts } = this.#context;
    const record = readRecord(message, options.maxValueBytes);
    const isSound =
      record !== undefined &&
      keyOf(record).equals(key) &&
      server.keptUntilMs(record, key, Math.max(1, ttlSeconds) * 1_000) !== undefined;
    if (isSound) return { record, ttlSeconds };
    counts.discarded++;
    return undefined;
  }

  /** Stores what was found at the closest node that did not have it, or had an older one: the next look-up ends sooner. */
  #cache({ record, ttlSeconds }: Kept, { closest, found }: LookUpResult<Kept>): void {
    const have = new Set(
      found.filter(({ value }) => !isNewer(record, value.record)).map(({ from }) => from.identity),
    );
    const lacks = closest.find(({ identity }) => !have.has(identity));
    if (lacks === undefined || ttlSeconds === 0) return;
    const params = { record: writeRecord(record), ttlSeconds };
    this.#context.neighbourhood.query(lacks, STORE, params).catch(() => {
      // It was worth a try.
    });
  }
}
