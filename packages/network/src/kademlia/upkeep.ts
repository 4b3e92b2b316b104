import type { PeerNode, Timer } from '@pea2pea/core';
import { readData } from '@pea2pea/core/authoring';
import { addressBook } from '../book/plugin.js';
import type { PeerAddress } from '../shared/peer-address.js';
import { idWithSharedBits } from './id.js';
import { readPeers } from './messages.js';
import type { Neighbourhood } from './neighbourhood.js';
import type { ResolvedKademliaOptions } from './options.js';
import type { Providers } from './providers.js';
import type { Publisher } from './publisher.js';
import type { Searches } from './searches.js';
import type { Values } from './values.js';

/** Contacts that are kept across restarts. */
const MAX_SAVED = 256;
/** Addresses that are tried at once to join, and of the address book at most. */
const MAX_JOINS = 4;
const MAX_OF_BOOK = 16;

export interface UpkeepContext {
  readonly node: PeerNode<unknown>;
  readonly options: ResolvedKademliaOptions;
  readonly neighbourhood: Neighbourhood;
  readonly searches: Searches;
  readonly publisher: Publisher;
  readonly values: Values;
  readonly providers: Providers;
}

/** What goes on by itself: joining, refreshing buckets, storing again, saving contacts. */
export class Upkeep {
  readonly #context: UpkeepContext;
  #saved: readonly PeerAddress[] = [];
  #joining: Promise<void> | undefined;
  #timer: Timer | undefined;
  #savedMs: number;
  #hasStopped = false;

  constructor(context: UpkeepContext) {
    this.#context = context;
    this.#savedMs = context.node.config.clock.now();
  }

  /** Loads contacts, and begins. */
  async start(): Promise<void> {
    this.#saved = await this.#load();
    void this.join();
    this.#wait();
  }

  /** Begins nothing more. */
  stop(): void {
    this.#hasStopped = true;
    this.#timer?.cancel();
  }

  /** Joins, or waits for what is under way. Never rejects. */
  join(): Promise<void> {
    this.#joining ??= this.#join().finally(() => void (this.#joining = undefined));
    return this.#joining;
  }

  /** Keeps the contacts. What fails is logged. */
  async save(): Promise<void> {
    const { node, options, neighbourhood } = this.#context;
    const contacts = neighbourhood
      .told(neighbourhood.self)
      .concat(neighbourhood.table.closest(neighbourhood.self, MAX_SAVED).reverse());
    const peers = [...new Set(contacts.map(({ peer }) => peer.toString()))].slice(0, MAX_SAVED);
    this.#savedMs = node.config.clock.now();
    // Nobody was reached: what was kept before is worth more.
    if (peers.length === 0) return;
    try {
      await options.store.save({ contacts: peers });
    } catch (error) {
      node.logger.warn({ err: error }, 'the contacts of kademlia could not be saved');
    }
  }

  async #load(): Promise<readonly PeerAddress[]> {
    const { node, options } = this.#context;
    try {
      const contacts = readData(await options.store.load(), 'contacts');
      if (!Array.isArray(contacts)) return [];
      return readPeers(contacts.filter((one) => typeof one === 'string').slice(0, MAX_SAVED));
    } catch (error) {
      node.logger.warn({ err: error }, 'the contacts of kademlia could not be loaded');
      return [];
    }
  }

  async #join(): Promise<void> {
    const { neighbourhood, options } = this.#context;
    if (neighbourhood.table.size < options.k) await this.#reachSome();
    if (neighbourhood.table.size === 0) return;
    await this.#quietly(() => this.#context.searches.nodes(neighbourhood.self));
    await this.#refresh(Infinity);
  }

  /** Reaches those that are known from before, until there are enough to ask for more. */
  async #reachSome(): Promise<void> {
    const { neighbourhood, options } = this.#context;
    const waiting = [...this.#saved, ...options.seeds, ...this.#ofBook()];
    const reachNext = async (): Promise<void> => {
      while (!this.#hasStopped && neighbourhood.table.size < options.k) {
        const next = waiting.shift();
        if (next === undefined) return;
        await neighbourhood.ping(next);
      }
    };
    await Promise.all(Array.from({ length: MAX_JOINS }, reachNext));
  }

  #ofBook(): PeerAddress[] {
    try {
      const { book } = this.#context.node.plugin(addressBook);
      const picked = new Map<string, PeerAddress>();
      for (let count = 0; count < MAX_OF_BOOK; count++) {
        const known = book.pick({ accept: ({ address }) => !picked.has(address.toString()) });
        if (known === undefined) break;
        picked.set(known.address.toString(), known.address);
      }
      return [...picked.values()];
    } catch {
      return []; // the plugin is not there
    }
  }

  /** Looks for contacts in buckets where nobody has looked for long; in so many at most. */
  async #refresh(limit: number): Promise<void> {
    const { node, options, neighbourhood, searches } = this.#context;
    const { clock, random } = node.config;
    const stale = neighbourhood.table.stale(clock.now() - options.refreshEveryMs);
    for (const bits of stale.slice(0, limit)) {
      if (this.#hasStopped) return;
      const target = idWithSharedBits(neighbourhood.self, bits, random);
      const hasEnough = (): boolean => neighbourhood.table.bucket(bits).length >= options.k / 2;
      if (hasEnough()) {
        neighbourhood.table.refreshed(target, clock.now());
        neighbourhood.checkOldest(bits, Math.ceil(options.k / 2));
      } else {
        await this.#quietly(() => searches.nodes(target, hasEnough));
      }
    }
  }

  #wait(): void {
    if (this.#hasStopped) return;
    const { node, options } = this.#context;
    const { clock, random } = node.config;
    const shortest = Math.min(options.refreshEveryMs, options.replicateEveryMs, options.republishEveryMs);
    const everyMs = Math.min(60_000, Math.max(1_000, shortest / 8));
    const isAlone = this.#context.neighbourhood.table.size === 0;
    const delayMs = (isAlone ? Math.min(everyMs, 5_000) : everyMs) * (0.75 + 0.5 * random.next());
    this.#timer = clock.setTimeout(() => void this.#tick().finally(() => this.#wait()), Math.ceil(delayMs), {
      keepsAlive: false,
    });
  }

  async #tick(): Promise<void> {
    const { node, options, neighbourhood, publisher, values, providers } = this.#context;
    const nowMs = node.config.clock.now();
    values.all(nowMs);
    providers.expire(nowMs);
    neighbourhood.checkUnproven();
    if (neighbourhood.table.size === 0) await this.join();
    else await this.#refresh(2);
    await publisher.upkeep();
    if (nowMs - this.#savedMs >= options.refreshEveryMs) await this.save();
  }

  async #quietly(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#context.node.logger.debug({ err: error }, 'a look-up of kademlia found nobody');
    }
  }
}
