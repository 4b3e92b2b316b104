import { definePlugin, PLUGIN_STATE, type Hooks, type PeerNode, type Timer } from '@pea2pea/core';
import {
  describe,
  excerpt,
  invalidConfig,
  MAX_TIMER_MS,
  requireInteger,
  requireKnown,
  requireMethods,
} from '@pea2pea/core/authoring';
import { PeerAddress, type PeerAddressLike } from '../shared/peer-address.js';
import { memoryStore, type Store } from '../store/store.js';
import { AddressBook } from './address-book.js';

/** Every option of {@link addressBook} that has a default, with it. */
export const ADDRESS_BOOK_PLUGIN_DEFAULTS = { seeds: [], saveEveryMs: 5 * 60_000 } as const;

/** Options of {@link addressBook}. */
export interface AddressBookPluginOptions {
  /** Where the book is kept across restarts: `fileStore('addresses.json')`. @default nowhere: it begins anew */
  readonly store?: Store;
  /** Addresses to begin with: those of peers that are always there. @default none */
  readonly seeds?: readonly PeerAddressLike[];
  /** How often the book is saved, in milliseconds, besides the end of the node: an integer from 1000 to 2^31 - 1. @default 300000: five minutes */
  readonly saveEveryMs?: number;
  /** What places depend on where nothing was stored yet, for simulations; at least 16 characters. @default 256 random bits of `node:crypto` */
  readonly secret?: string;
  /** As in {@link AddressBookOptions}. @default 256 */
  readonly toldBuckets?: number;
  /** As in {@link AddressBookOptions}. @default 64 */
  readonly provenBuckets?: number;
}

/** What is kept: the book, and the peers that this node was connected with. */
interface Saved {
  readonly book?: unknown;
  readonly anchors?: unknown;
}

/** More anchors than this are not read back: the file may be another one. */
const MAX_ANCHORS = 16;

/**
 * The address book of a node, loaded when the node starts and saved when it ends. {@link addressBook} makes it.
 *
 * note: list it before the plugins that use it.
 * note: what is stored and cannot be used is a warning in the log, and the book begins anew with the seeds. A store that fails to
 * save is a warning, too: the next time comes.
 */
export class AddressBookPlugin implements Hooks<unknown> {
  /** Its name among the plugins of a node, and those that it must come before. */
  static readonly plugin = { name: 'address-book', before: ['connection-manager', 'peer-exchange'] };
  readonly #node: PeerNode<unknown>;
  readonly #store: Store;
  readonly #seeds: readonly PeerAddress[];
  readonly #saveEveryMs: number;
  readonly #sizes: { readonly toldBuckets?: number; readonly provenBuckets?: number };
  #book: AddressBook;
  #anchors: readonly PeerAddress[] = [];
  #timer: Timer | undefined;
  #saving: Promise<void> = Promise.resolve();
  #saveFailures = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: AddressBookPluginOptions = {}) {
    const known = [
      ...Object.keys(ADDRESS_BOOK_PLUGIN_DEFAULTS),
      'store',
      'secret',
      'toldBuckets',
      'provenBuckets',
    ];
    requireKnown('the options of addressBook', options, known);
    const { seeds, saveEveryMs } = { ...ADDRESS_BOOK_PLUGIN_DEFAULTS, ...options };
    requireInteger('saveEveryMs', saveEveryMs, { min: 1_000, max: MAX_TIMER_MS });
    if (options.store !== undefined) requireMethods('store', options.store, ['load', 'save']);
    this.#node = node;
    this.#store = options.store ?? memoryStore();
    this.#seeds = readSeeds(seeds);
    this.#saveEveryMs = saveEveryMs;
    this.#sizes = {
      ...(options.toldBuckets !== undefined && { toldBuckets: options.toldBuckets }),
      ...(options.provenBuckets !== undefined && { provenBuckets: options.provenBuckets }),
    };
    const { secret } = options;
    this.#book = this.#withSeeds(
      new AddressBook({ ...this.#settings, ...(secret !== undefined && { secret }) }),
    );
  }

  /** The book: the seeds alone until the node has started. */
  get book(): AddressBook {
    return this.#book;
  }

  /** How often the store could not save. It only rises. */
  get saveFailures(): number {
    return this.#saveFailures;
  }

  /** The peers that this node was connected with when the book was saved last, for the first dials after a restart; set by who knows. */
  get anchors(): readonly PeerAddress[] {
    return this.#anchors;
  }

  set anchors(anchors: readonly PeerAddress[]) {
    this.#anchors = anchors.slice(0, MAX_ANCHORS);
  }

  /** Loads the book. */
  async onStart(): Promise<void> {
    const saved = await this.#load();
    if (saved !== undefined) {
      this.#book = this.#withSeeds(saved.book);
      this.#anchors = saved.anchors;
    }
    this.#wait();
  }

  /** Saves the book. */
  async onStop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.save();
  }

  /** Saves the book now. Whatever fails is logged, and counted. */
  async save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      try {
        await this.#store.save({ book: this.#book, anchors: this.#anchors });
      } catch (error) {
        this.#saveFailures++;
        this.#node.logger.warn({ err: error }, 'the address book could not be saved');
      }
    });
    await this.#saving;
  }

  /** What snapshots show: how much the book knows, and the peers for the next start. Not its secret. */
  [PLUGIN_STATE](): unknown {
    const { size, proven, evicted, refused } = this.#book;
    return {
      addresses: size,
      proven,
      told: size - proven,
      contested: this.#book.contested().length,
      evicted,
      refused,
      seeds: this.#seeds.length,
      anchors: excerpt(this.#anchors, String),
      saveFailures: this.#saveFailures,
    };
  }

  async #load(): Promise<{ book: AddressBook; anchors: readonly PeerAddress[] } | undefined> {
    try {
      const data = (await this.#store.load()) as Saved | undefined;
      if (data === undefined) return undefined;
      return { book: AddressBook.from(data.book, this.#settings), anchors: readAnchors(data.anchors) };
    } catch (error) {
      this.#node.logger.warn({ err: error }, 'the address book could not be loaded, and begins anew');
      return undefined;
    }
  }

  #wait(): void {
    const { clock } = this.#node.config;
    this.#timer = clock.setTimeout(
      () => {
        this.#wait();
        void this.save();
      },
      this.#saveEveryMs,
      { keepsAlive: false },
    );
  }

  #withSeeds(book: AddressBook): AddressBook {
    for (const seed of this.#seeds) book.add(seed, { kind: 'configured' });
    return book;
  }

  get #settings() {
    const { clock, random } = this.#node.config;
    return { clock, random, ...this.#sizes };
  }
}

function readSeeds(seeds: readonly PeerAddressLike[]): PeerAddress[] {
  if (!Array.isArray(seeds)) throw invalidConfig(`\`seeds\` must be an array, not ${describe(seeds)}`);
  return seeds.map((seed) => {
    try {
      return PeerAddress.from(seed as PeerAddressLike);
    } catch (cause) {
      throw invalidConfig(`\`seeds\` has one that is not an address: ${describe(cause)}`, cause);
    }
  });
}

function readAnchors(anchors: unknown): PeerAddress[] {
  if (!Array.isArray(anchors)) return [];
  return anchors.slice(0, MAX_ANCHORS).flatMap((anchor: unknown) => {
    try {
      return typeof anchor === 'string' ? [PeerAddress.from(anchor)] : [];
    } catch {
      return [];
    }
  });
}

/**
 * Lists {@link AddressBookPlugin} among the plugins of a node or a peer.
 *
 * ```ts
 * node.use(addressBook({ store: fileStore('addresses.json'), seeds: ['seed.example.org:4000'] }));
 * node.plugin(addressBook).book.add('203.0.113.7:4000', { kind: 'configured' });
 * ```
 */
export const addressBook = definePlugin(AddressBookPlugin);
