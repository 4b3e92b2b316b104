import { compareDistance, ID_BITS, sharedBits } from './id.js';
import { isCrowded, type Contact } from './contact.js';

/** How a table is bounded. */
export interface RoutingTableRules {
  /** Contacts in a bucket, and as many more that wait for a place in it. */
  readonly k: number;
  /** Contacts of one group in the table; a fifth of it, and at least 2, in a bucket. */
  readonly perGroup: number;
}

/** What is known of a contact. */
export interface Entry {
  readonly contact: Contact;
  /** When it last proved to be there, on the monotonic clock. */
  readonly seenMs: number;
  /** Whether this node has dialled it: else its address is its own claim. */
  readonly isDialled: boolean;
}

interface Bucket {
  /** The one that was seen longest ago first. */
  entries: Entry[];
  /** Those that came when it was full; the newest last. */
  spares: Entry[];
  /** When a look-up went there last, on the monotonic clock. */
  refreshedMs: number;
}

/** What became of a contact that proved to be there. */
export type Seen = 'updated' | 'added' | 'spare' | 'crowded' | 'self';

/** How much a table did. All of it only rises. */
export interface RoutingTableCounts {
  /** Contacts that got a place. */
  readonly added: number;
  /** Contacts that lost theirs, as they were not there any more. */
  readonly removed: number;
  /** Contacts that found no place, as their group has its share. */
  readonly crowded: number;
}

/**
 * The contacts of a node, by how many bits their ids share with its own: a node knows its neighbourhood well, and of each half of the
 * rest a few.
 *
 * ```text
 *   bucket 0   half of all ids      k contacts, seen longest ago first | k spares
 *   bucket 1   a quarter                                                  `- one comes in when a contact is found to be gone
 *   ...
 * ```
 *
 * A contact that is there keeps its place, whoever comes: those that were there for long are likely to stay, and nobody drives them
 * out by coming often. One party gets few places (`perGroup`).
 *
 * note: it holds what it is told: only contacts that proved who they are belong in it.
 */
export class RoutingTable {
  readonly #self: Buffer;
  readonly #rules: RoutingTableRules;
  readonly #perBucket: number;
  readonly #buckets = new Map<number, Bucket>();
  readonly #entries = new Map<string, Entry>();
  readonly #counts = { added: 0, removed: 0, crowded: 0 };

  constructor(self: Buffer, rules: RoutingTableRules) {
    this.#self = self;
    this.#rules = rules;
    this.#perBucket = Math.max(2, Math.ceil(rules.perGroup / 5));
  }

  /** How many contacts have a place. */
  get size(): number {
    return this.#entries.size;
  }

  get counts(): RoutingTableCounts {
    return { ...this.#counts };
  }

  /** All that have a place, in no order. */
  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  /** What is known of a contact that has a place. */
  get(identity: string): Entry | undefined {
    return this.#entries.get(identity);
  }

  /** A contact proved to be there, and who it is. */
  seen(entry: Entry): Seen {
    const { contact } = entry;
    const bits = sharedBits(this.#self, contact.id);
    if (bits === ID_BITS) return 'self';
    const bucket = this.#bucketOf(bits);
    const known = this.#entries.get(contact.identity);
    if (known !== undefined) {
      remove(bucket.entries, contact.identity);
      this.#place(bucket, merged(known, entry));
      return 'updated';
    }
    const spare = remove(bucket.spares, contact.identity);
    const now = spare === undefined ? entry : merged(spare, entry);
    if (this.#isCrowded(bucket, contact.group)) {
      this.#counts.crowded++;
      return 'crowded';
    }
    if (bucket.entries.length < this.#rules.k) {
      this.#counts.added++;
      this.#place(bucket, now);
      return 'added';
    }
    bucket.spares.push(now);
    if (bucket.spares.length > this.#rules.k) bucket.spares.shift();
    return 'spare';
  }

  /** A contact is not there any more: a spare gets its place. Returns whether it had one. */
  gone(contact: Contact): boolean {
    const bucket = this.#buckets.get(sharedBits(this.#self, contact.id));
    if (bucket === undefined) return false;
    remove(bucket.spares, contact.identity);
    if (remove(bucket.entries, contact.identity) === undefined) return false;
    this.#entries.delete(contact.identity);
    this.#counts.removed++;
    const next = bucket.spares.findLastIndex(({ contact: { group } }) => !this.#isCrowded(bucket, group));
    if (next !== -1) {
      const [spare] = bucket.spares.splice(next, 1);
      this.#counts.added++;
      this.#place(bucket, spare!);
      // Nobody asked it whether it is there since it came.
      bucket.entries.sort((a, b) => a.seenMs - b.seenMs);
    }
    return true;
  }

  /** The contacts in the bucket of those that share so many bits, the one that was seen longest ago first. */
  bucket(bits: number): readonly Entry[] {
    return this.#buckets.get(bits)?.entries ?? [];
  }

  /** The contacts closest to `target`, closest first. */
  closest(target: Buffer, count: number, accept: (entry: Entry) => boolean = () => true): Contact[] {
    const all: Contact[] = [];
    for (const entry of this.#entries.values()) if (accept(entry)) all.push(entry.contact);
    return all.sort((a, b) => compareDistance(target, a.id, b.id)).slice(0, count);
  }

  /** How many contacts are closer to `target` than this node is; `limit` at most. */
  countCloser(target: Buffer, limit: number): number {
    let count = 0;
    for (const { contact } of this.#entries.values()) {
      if (compareDistance(target, contact.id, this.#self) < 0 && ++count === limit) break;
    }
    return count;
  }

  /**
   * The buckets to look for contacts in, as how many bits they share: none was looked for there since `sinceMs`. Those beyond the
   * closest contact are one: nobody is there.
   */
  stale(sinceMs: number): number[] {
    let deepest = 0;
    for (const [bits, { entries }] of this.#buckets)
      if (entries.length > 0) deepest = Math.max(deepest, bits);
    const all = Array.from({ length: Math.min(deepest + 1, ID_BITS - 1) }, (_, bits) => bits);
    return all.filter((bits) => (this.#buckets.get(bits)?.refreshedMs ?? -Infinity) < sinceMs);
  }

  /** A look-up has gone to `target`. */
  refreshed(target: Buffer, nowMs: number): void {
    const bits = sharedBits(this.#self, target);
    if (bits < ID_BITS) this.#bucketOf(bits).refreshedMs = nowMs;
  }

  #place(bucket: Bucket, entry: Entry): void {
    bucket.entries.push(entry);
    this.#entries.set(entry.contact.identity, entry);
  }

  #isCrowded({ entries }: Bucket, group: string): boolean {
    const contacts = (of: Iterable<Entry>) => Array.from(of, ({ contact }) => contact);
    return (
      isCrowded(group, contacts(entries), this.#perBucket) ||
      isCrowded(group, contacts(this.#entries.values()), this.#rules.perGroup)
    );
  }

  #bucketOf(bits: number): Bucket {
    let bucket = this.#buckets.get(bits);
    if (bucket === undefined) {
      bucket = { entries: [], spares: [], refreshedMs: -Infinity };
      this.#buckets.set(bits, bucket);
    }
    return bucket;
  }
}

/** An address that this node has dialled is not replaced by one that is claimed. */
function merged(known: Entry, entry: Entry): Entry {
  if (entry.isDialled || !known.isDialled) return entry;
  return { ...known, seenMs: entry.seenMs };
}

function remove(list: Entry[], identity: string): Entry | undefined {
  const index = list.findIndex(({ contact }) => contact.identity === identity);
  return index === -1 ? undefined : list.splice(index, 1)[0];
}
