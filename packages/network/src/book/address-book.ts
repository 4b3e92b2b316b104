import { randomBytes } from 'node:crypto';
import { PeerError } from '@pea2pea/core';
import { invalidConfig } from '@pea2pea/core/authoring';
import { groupOf } from '../shared/groups.js';
import { PeerAddress, type PeerAddressLike } from '../shared/peer-address.js';
import { below, BucketTable, type Slot } from './bucket-table.js';
import { Contests } from './contests.js';
import { readBookData, type AddressBookData } from './data.js';
import { chanceOf, isHopeless, MAX_SLOTS, type Entry, type SourceKind } from './entry.js';
import { ADDRESS_BOOK_DEFAULTS, checkBookOptions, type AddressBookOptions } from './options.js';
import { Placement } from './placement.js';

/** Who told an address. */
export interface AddressSource {
  /** How it came: from the configuration, from a dial of ours, by a discovery on the network, or told by a peer. */
  readonly kind: SourceKind;
  /** The peer that told it; for `'told'`. @default the address itself */
  readonly from?: PeerAddressLike;
  /** What told it, where that has no address: a name of your choice. All that has the same one is told by one source. @default the group of `from` */
  readonly group?: string;
  /** When a peer was last known there, in milliseconds since the Unix epoch; the future counts as now. @default now */
  readonly seenMs?: number;
}

/** What the book knows about an address. */
export interface KnownAddress {
  /** The address, with its identity if it has one. */
  readonly address: PeerAddress;
  /** The group that it counts in: {@link groupOf}. */
  readonly group: string;
  /** How the book came to know it. */
  readonly source: SourceKind;
  /** Whether a peer was reached there. */
  readonly isProven: boolean;
  /** When somebody last said that a peer is there, in milliseconds since the Unix epoch. */
  readonly seenMs: number;
  /** When it was last dialled; 0 for never. */
  readonly attemptMs: number;
  /** When a peer was last reached there; 0 for never. */
  readonly successMs: number;
  /** Dials in a row that failed. */
  readonly failures: number;
}

/** Which address to pick. */
export interface PickOptions {
  /** `'told'` for one at which nobody was reached yet, `'proven'` for one at which a peer was. @default either, by a coin */
  readonly from?: 'told' | 'proven';
  /** Whether an address will do: one that is connected, or waits for its next dial, will not. @default all */
  readonly accept?: (known: KnownAddress) => boolean;
}

/** As many addresses may be told to anybody: small networks have no secrets from their members. */
const SMALL_BOOK = 16;

/** How many random entries are looked at, before all are. */
const LOOKS = 100;

/**
 * The addresses of peers, in bounded space, in which nobody can crowd out those of others.
 *
 * ```text
 *   add ----> told:   256 buckets of 64; those that one group of sources tells reach 16 buckets
 *               | succeeded
 *               v
 *             proven:  64 buckets of 64; those of one group reach 4 buckets
 *                      a newcomer waits until who has its slot was dialled once more, and failed: contested()
 * ```
 *
 * note: an address with an identity and the same address without one are two: nobody can take a place away by telling it with
 * another identity.
 * note: it never dials: the code that does tells it of attempts, successes and failures.
 */
export class AddressBook {
  readonly #options: AddressBookOptions;
  readonly #secret: string;
  readonly #placement: Placement;
  readonly #entries = new Map<string, Entry>();
  readonly #told: BucketTable<Entry>;
  readonly #proven: BucketTable<Entry>;
  readonly #contests = new Contests();
  #evicted = 0;
  #refused = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(options: AddressBookOptions) {
    checkBookOptions(options);
    const { toldBuckets, provenBuckets } = { ...ADDRESS_BOOK_DEFAULTS, ...options };
    this.#options = options;
    this.#secret = options.secret ?? randomBytes(32).toString('hex');
    this.#placement = new Placement(this.#secret, toldBuckets, provenBuckets);
    this.#told = new BucketTable(toldBuckets);
    this.#proven = new BucketTable(provenBuckets);
  }

  /**
   * A book with the addresses of another one.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, or when `data` is not that of a book
   */
  static from(data: unknown, options: AddressBookOptions): AddressBook {
    const { secret, addresses } = readBookData(data);
    if (options.secret !== undefined) throw invalidConfig('`secret` is that of the data: leave it out');
    const book = new AddressBook({ ...options, secret });
    for (const stored of addresses) book.#restore(stored);
    return book;
  }

  /** Addresses in the book. */
  get size(): number {
    return this.#entries.size;
  }

  /** Addresses at which a peer was reached. */
  get proven(): number {
    return this.#proven.size;
  }

  /** Addresses that are worth a dial: those that did not fail again and again, and that somebody has told within a month. */
  get hopeful(): number {
    const nowMs = this.#nowMs();
    let count = 0;
    for (const entry of this.#entries.values()) if (!isHopeless(entry, nowMs)) count++;
    return count;
  }

  /** How many addresses had to go for others. It only rises. */
  get evicted(): number {
    return this.#evicted;
  }

  /** How often an address found its slot taken by a better one. It only rises. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Notes an address that somebody has told. Returns whether it is new.
   *
   * note: one that is known already, but not proven, gets another slot with a chance of a half for the second source, a quarter for the third…
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for port 0
   */
  add(address: PeerAddressLike, source: AddressSource): boolean {
    const peer = dialable(address);
    const nowMs = this.#nowMs();
    const seenMs = Math.min(nowMs, source.seenMs ?? nowMs);
    const sourceGroup =
      source.group ??
      groupOf(source.from === undefined ? peer.address : PeerAddress.from(source.from).address);
    const known = this.#entries.get(peer.toString());
    if (known !== undefined) {
      known.seenMs = Math.max(known.seenMs, seenMs);
      const isLucky = !known.isProven && this.#options.random.next() < 0.5 ** known.slots.length;
      if (isLucky && known.slots.length < MAX_SLOTS) this.#placeTold(known, sourceGroup, nowMs);
      return false;
    }
    const entry = newEntry(peer, source.kind, sourceGroup, seenMs);
    if (!this.#placeTold(entry, sourceGroup, nowMs)) return false;
    this.#entries.set(entry.address, entry);
    return true;
  }

  /** Notes that an address is dialled. */
  attempted(address: PeerAddressLike): void {
    const entry = this.#find(address);
    if (entry !== undefined) entry.attemptMs = this.#nowMs();
  }

  /** Notes that a peer was reached at an address, which becomes proven, or waits for its slot. One that is not in the book is added. */
  succeeded(address: PeerAddressLike): void {
    const nowMs = this.#nowMs();
    this.add(address, { kind: 'dialled' });
    const entry = this.#find(address);
    if (entry === undefined) return;
    Object.assign(entry, { seenMs: nowMs, successMs: nowMs, failures: 0 });
    this.#contests.defended(entry);
    if (!entry.isProven) this.#prove(entry, nowMs);
  }

  /** Notes that a dial has failed, by a fault that is not our own. */
  failed(address: PeerAddressLike): void {
    const entry = this.#find(address);
    if (entry === undefined) return;
    entry.failures++;
    for (const newcomer of this.#contests.lost(entry)) this.#replace(newcomer);
  }

  /** Forgets an address. Returns whether it was in the book. */
  remove(address: PeerAddressLike): boolean {
    const entry = this.#find(address);
    if (entry !== undefined) this.#drop(entry);
    return entry !== undefined;
  }

  /** What is known about an address. */
  get(address: PeerAddressLike): KnownAddress | undefined {
    const entry = this.#find(address);
    return entry && shown(entry);
  }

  /** A random address that will do: buckets have equal chances, those that were dialled just now or have failed have small ones. */
  pick({ from, accept = () => true }: PickOptions = {}): KnownAddress | undefined {
    const { random } = this.#options;
    const nowMs = this.#nowMs();
    let patience = 1;
    for (let look = 0; look < LOOKS; look++) {
      const table =
        (from ?? (random.next() < 0.5 ? 'told' : 'proven')) === 'told' ? this.#told : this.#proven;
      const entry = table.random(random);
      if (entry === undefined) continue;
      patience *= 1.2;
      if (random.next() >= chanceOf(entry, nowMs) * patience) continue;
      const known = shown(entry);
      if (accept(known)) return known;
    }
    const rest = this.all().filter(
      (known) => (from === undefined || known.isProven === (from === 'proven')) && accept(known),
    );
    return rest[below(random, rest.length)];
  }

  /** Addresses whose slot another one waits for: dial them, and say what came of it. Bounded; oldest first. */
  contested(): KnownAddress[] {
    return this.#contests.incumbents().map(shown);
  }

  /** A random sample to tell others: those that are not hopeless, and at most a quarter of a large book, so that nobody reads all of it. */
  sample(limit: number): KnownAddress[] {
    const nowMs = this.#nowMs();
    const all = [...this.#entries.values()].filter((entry) => !isHopeless(entry, nowMs));
    const count = Math.min(limit, all.length, Math.max(SMALL_BOOK, Math.ceil(all.length / 4)));
    for (let index = 0; index < count; index++) {
      const other = index + below(this.#options.random, all.length - index);
      [all[index], all[other]] = [all[other]!, all[index]!];
    }
    return all.slice(0, count).map(shown);
  }

  /** All addresses, in the order in which they came. */
  all(): KnownAddress[] {
    return [...this.#entries.values()].map(shown);
  }

  /** The book as plain data, for {@link AddressBook.from}. It holds the secret: keep it from others. */
  toJSON(): AddressBookData {
    return { version: 1, secret: this.#secret, addresses: [...this.#entries.values()].map(storedOf) };
  }

  #restore(stored: AddressBookData['addresses'][number]): void {
    const peer = PeerAddress.from(stored.address);
    const nowMs = this.#nowMs();
    const entry = newEntry(peer, stored.source, stored.sourceGroup, Math.min(nowMs, stored.seenMs));
    const { attemptMs, successMs, failures } = stored;
    Object.assign(entry, { attemptMs, successMs, failures });
    if (this.#entries.has(entry.address)) return;
    const slot = this.#placement.proven(entry.address, entry.group);
    if (stored.isProven && this.#proven.at(slot) === undefined) {
      entry.isProven = true;
      entry.slots.push(slot);
      this.#proven.put(slot, entry);
    } else if (!this.#placeTold(entry, entry.sourceGroup, nowMs)) return;
    this.#entries.set(entry.address, entry);
  }

  #placeTold(entry: Entry, sourceGroup: string, nowMs: number): boolean {
    const slot = this.#placement.told(entry.address, entry.group, sourceGroup);
    const holder = this.#told.at(slot);
    if (holder === entry) return false;
    if (holder !== undefined) {
      // One that has other slots loses little.
      const yields = isHopeless(holder, nowMs) || (holder.slots.length > 1 && entry.slots.length === 0);
      if (!yields) {
        this.#refused++;
        return false;
      }
      this.#releaseTold(holder, slot);
    }
    entry.slots.push(slot);
    this.#told.put(slot, entry);
    return true;
  }

  #prove(entry: Entry, nowMs: number): void {
    const slot = this.#placement.proven(entry.address, entry.group);
    const holder = this.#proven.at(slot);
    if (holder !== undefined) {
      this.#contests.begin({ newcomer: entry, incumbent: holder, sinceMs: nowMs });
      return;
    }
    for (const told of entry.slots.splice(0)) this.#told.clear(told);
    entry.isProven = true;
    entry.slots.push(slot);
    this.#proven.put(slot, entry);
  }

  /** The newcomer takes the slot of one that failed its test, which is told again, if there is room. */
  #replace(newcomer: Entry): void {
    const nowMs = this.#nowMs();
    if (newcomer.isProven || this.#entries.get(newcomer.address) !== newcomer) return;
    const slot = this.#placement.proven(newcomer.address, newcomer.group);
    const holder = this.#proven.at(slot);
    if (holder !== undefined) {
      this.#proven.clear(slot);
      holder.slots.length = 0;
      holder.isProven = false;
      if (!this.#placeTold(holder, holder.sourceGroup, nowMs)) this.#drop(holder);
    }
    this.#prove(newcomer, nowMs);
  }

  #releaseTold(holder: Entry, slot: Slot): void {
    this.#told.clear(slot);
    holder.slots.splice(holder.slots.indexOf(slot), 1);
    if (holder.slots.length > 0) return;
    this.#evicted++;
    this.#drop(holder);
  }

  #drop(entry: Entry): void {
    const table = entry.isProven ? this.#proven : this.#told;
    for (const slot of entry.slots.splice(0)) table.clear(slot);
    this.#entries.delete(entry.address);
    this.#contests.forget(entry);
  }

  #find(address: PeerAddressLike): Entry | undefined {
    return this.#entries.get(PeerAddress.from(address).toString());
  }

  #nowMs(): number {
    return this.#options.clock.date();
  }
}

/** @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for port 0 */
function dialable(value: PeerAddressLike): PeerAddress {
  const peer = PeerAddress.from(value);
  const { address } = peer;
  if (address.path !== undefined || address.port !== 0) return peer;
  throw new PeerError('P2P_ERR_INVALID_ADDRESS', `${address} cannot be dialled`);
}

function newEntry(peer: PeerAddress, source: SourceKind, sourceGroup: string, seenMs: number): Entry {
  const group = groupOf(peer.address);
  return {
    address: peer.toString(),
    group,
    source,
    sourceGroup,
    seenMs,
    attemptMs: 0,
    successMs: 0,
    failures: 0,
    slots: [],
    isProven: false,
  };
}

function shown({ slots: _slots, sourceGroup: _sourceGroup, ...entry }: Entry): KnownAddress {
  return { ...entry, address: PeerAddress.from(entry.address) };
}

function storedOf({ slots: _slots, group: _group, ...entry }: Entry): AddressBookData['addresses'][number] {
  return entry;
}
