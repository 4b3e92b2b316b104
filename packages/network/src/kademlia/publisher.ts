import type { PeerNode } from '@pea2pea/core';
import { networkError } from '../shared/errors.js';
import { compareDistance } from './id.js';
import { PROVIDE, STORE } from './messages.js';
import type { Contact } from './contact.js';
import type { Neighbourhood } from './neighbourhood.js';
import type { ResolvedKademliaOptions } from './options.js';
import { isNewer, keyOf, writeRecord, type DhtRecord } from './record.js';
import type { Searches } from './searches.js';
import type { Server } from './server.js';
import type { Values } from './values.js';
import { RequestError } from '@pea2pea/rpc';

/** What became of something that was stored. */
export interface Published {
  /** Where it is found, in 64 hexadecimal digits. */
  readonly key: string;
  /** Nodes that keep it. */
  readonly stored: number;
  /** Nodes that refused it: they are full, have a newer one, or do not accept it. */
  readonly refused: number;
  /** Nodes that were not reached. */
  readonly failed: number;
}

export interface PublisherContext {
  readonly node: PeerNode<unknown>;
  readonly options: ResolvedKademliaOptions;
  readonly searches: Searches;
  readonly neighbourhood: Neighbourhood;
  readonly values: Values;
  readonly server: Server;
}

/** Something that this node stores again and again. */
interface Item {
  readonly key: Buffer;
  /** Undefined for a key that it provides. */
  readonly record: DhtRecord | undefined;
  dueMs: number;
}

/** Stores what this node puts and provides, and stores it again before it is over; and what it keeps for others, where they are gone. */
export class Publisher {
  readonly #context: PublisherContext;
  readonly #items = new Map<string, Item>();

  constructor(context: PublisherContext) {
    this.#context = context;
  }

  /** How much is stored again and again. */
  get size(): number {
    return this.#items.size;
  }

  /** @throws {PeerError} P2P_ERR_INVALID_VALUE, P2P_ERR_NOT_STORED, P2P_ERR_NO_CONTACTS, P2P_ERR_TOO_MUCH_PUBLISHED */
  async put(record: DhtRecord): Promise<Published> {
    const { options, server } = this.#context;
    if (record.value.length > options.maxValueBytes) {
      const what = `the value has ${record.value.length} bytes, and ${options.maxValueBytes} are the most`;
      throw networkError('P2P_ERR_INVALID_VALUE', what);
    }
    const key = keyOf(record);
    if (server.keptUntilMs(record, key, options.valueTtlMs) === undefined) {
      throw networkError(
        'P2P_ERR_INVALID_VALUE',
        'the value is over, wrongly signed, or refused by `accepts`',
      );
    }
    return this.#publish({ key, record, dueMs: 0 });
  }

  /** @throws {PeerError} P2P_ERR_NOT_STORED, P2P_ERR_NO_CONTACTS, P2P_ERR_TOO_MUCH_PUBLISHED */
  provide(key: Buffer): Promise<Published> {
    return this.#publish({ key, record: undefined, dueMs: 0 });
  }

  withdraw(key: string): boolean {
    const [value, provided] = [this.#items.delete(`value ${key}`), this.#items.delete(`provider ${key}`)];
    return value || provided;
  }

  /** Stores again what is due. Never rejects. */
  async upkeep(): Promise<void> {
    const { node, options, values } = this.#context;
    const { clock } = node.config;
    for (const [name, item] of this.#items) {
      if (item.dueMs > clock.now()) continue;
      item.dueMs = this.#nextMs();
      if ((item.record?.signed?.expiresMs ?? Infinity) <= clock.date()) this.#items.delete(name);
      else await this.#quietly(item);
    }
    for (const { key, record, expiresMs, storedMs } of values.all(clock.now())) {
      if (clock.now() - storedMs < options.replicateEveryMs || node.signal.aborted) continue;
      values.touch(key.toString('hex'), clock.now());
      const ttlMs = expiresMs - clock.now();
      if (ttlMs > 0) await this.#quietly({ key, record, dueMs: 0 }, ttlMs);
    }
  }

  async #publish(item: Item): Promise<Published> {
    const key = item.key.toString('hex');
    const name = `${item.record === undefined ? 'provider' : 'value'} ${key}`;
    const known = this.#items.get(name);
    if (known === undefined && this.#items.size >= this.#context.options.maxPublished) {
      throw networkError(
        'P2P_ERR_TOO_MUCH_PUBLISHED',
        `${this.#items.size} values and keys are stored again and again`,
      );
    }
    const published = await this.#store(item);
    if (published.stored === 0) {
      const what = `none of ${published.refused + published.failed} nodes took ${key}`;
      throw networkError('P2P_ERR_NOT_STORED', what);
    }
    const isOld =
      known?.record !== undefined && item.record !== undefined && isNewer(known.record, item.record);
    if (!isOld) this.#items.set(name, { ...item, dueMs: this.#nextMs() });
    return published;
  }

  async #quietly(item: Item, ttlMs?: number): Promise<void> {
    const { node } = this.#context;
    try {
      await this.#store(item, ttlMs);
    } catch (error) {
      node.logger.debug({ key: item.key.toString('hex'), err: error }, 'nothing was stored again');
    }
  }

  async #store({ key, record }: Item, ttlMs = this.#context.options.valueTtlMs): Promise<Published> {
    const { options, searches, neighbourhood } = this.#context;
    const { closest } = await searches.nodes(key);
    const tally = { stored: 0, refused: 0, failed: 0 };
    const isOurs = record !== undefined && this.#isResponsible(key, closest);
    if (isOurs && this.#keep(key, record, ttlMs)) tally.stored++;
    const nodes = closest.slice(0, isOurs ? options.k - 1 : options.k);
    await Promise.all(
      nodes.map(async (contact) => {
        try {
          if (record === undefined) {
            await neighbourhood.query(contact, PROVIDE, { key: key.toString('hex') });
          } else {
            const ttlSeconds = Math.ceil(ttlMs / 1_000);
            await neighbourhood.query(contact, STORE, { record: writeRecord(record), ttlSeconds });
          }
          tally.stored++;
        } catch (error) {
          if (RequestError.is(error)) tally.refused++;
          else tally.failed++;
        }
      }),
    );
    return { key: key.toString('hex'), ...tally };
  }

  /** Whether this node is itself one of the closest. */
  #isResponsible(key: Buffer, closest: readonly Contact[]): boolean {
    const { options, neighbourhood } = this.#context;
    if (!neighbourhood.listens) return false;
    const last = closest[options.k - 1];
    return last === undefined || compareDistance(key, neighbourhood.self, last.id) < 0;
  }

  #keep(key: Buffer, record: DhtRecord, ttlMs: number): boolean {
    const { node, values, server } = this.#context;
    const expiresMs = server.keptUntilMs(record, key, ttlMs);
    if (expiresMs === undefined) return false;
    const storedMs = node.config.clock.now();
    return values.add({ key, record, owner: 'self', expiresMs, storedMs }) === undefined;
  }

  #nextMs(): number {
    const { clock, random } = this.#context.node.config;
    return clock.now() + this.#context.options.republishEveryMs * (1 - 0.2 * random.next());
  }
}
