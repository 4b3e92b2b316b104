/** What a {@link BoundedMap} needs to know about its values. */
export interface BoundedMapRules<V> {
  /** At least 1. */
  readonly maxEntries: number;
  /** Whether the value has had its time and is as good as absent. */
  isOver(value: V, nowMs: number): boolean;
  /** Called for every value that leaves: deleted, replaced, over, or evicted. It must not change the map. */
  onRemove?(key: string, value: V): void;
}

/** How many old entries each newcomer looks at. More than one, so that those that are over leave faster than others come. */
const LOOKS = 4;

/**
 * Values that are over at some time, in bounded space and without a timer: each newcomer looks at a few old ones and
 * clears away those that are over; where there is still no room, the oldest goes, and is counted.
 *
 * ```text
 *   oldest -> [ e  e  e  e  e  e  e ] <- newcomers
 *               ^eviction  ^hand: goes round, LOOKS entries a newcomer
 * ```
 *
 * note: times are those of `Clock.now()`, in milliseconds.
 */
export class BoundedMap<V> {
  readonly #rules: BoundedMapRules<V>;
  readonly #entries = new Map<string, V>();
  /** Goes round and clears away. */
  #hand: Iterator<[string, V]>;
  /** Stands at the oldest entry: a new iterator would walk over all that were deleted before it. */
  #oldest: Iterator<[string, V]>;
  #evicted = 0;

  constructor(rules: BoundedMapRules<V>) {
    this.#rules = rules;
    this.#hand = this.#entries.entries();
    this.#oldest = this.#entries.entries();
  }

  /** Entries, those included that are over and have not been cleared away yet. */
  get size(): number {
    return this.#entries.size;
  }

  /** Entries that had to go before they were over. */
  get evicted(): number {
    return this.#evicted;
  }

  /** The value of `key`, unless it is over. */
  get(key: string, nowMs: number): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined || !this.#rules.isOver(value, nowMs)) return value;
    this.delete(key);
    return undefined;
  }

  /** Sets the value of `key`, which is the youngest then. */
  set(key: string, value: V, nowMs: number): void {
    this.delete(key);
    for (let looks = 0; looks < LOOKS && this.#entries.size > 0; looks++) this.#look(nowMs);
    if (this.#entries.size >= this.#rules.maxEntries) this.#evict(nowMs);
    this.#entries.set(key, value);
  }

  /** Removes the value of `key`. Returns whether there was one. */
  delete(key: string): boolean {
    const value = this.#entries.get(key);
    if (value === undefined) return false;
    this.#entries.delete(key);
    this.#rules.onRemove?.(key, value);
    return true;
  }

  /** All entries, oldest first: those included that are over. */
  entries(): Iterable<[key: string, value: V]> {
    return this.#entries;
  }

  /** The values that are not over, oldest first; the others are cleared away. */
  values(nowMs: number): V[] {
    for (const [key, value] of this.#entries) if (this.#rules.isOver(value, nowMs)) this.delete(key);
    return [...this.#entries.values()];
  }

  #look(nowMs: number): void {
    let next = this.#hand.next();
    if (next.done === true) {
      this.#hand = this.#entries.entries();
      next = this.#hand.next();
    }
    if (next.done === true) return;
    const [key, value] = next.value;
    if (this.#rules.isOver(value, nowMs)) this.delete(key);
  }

  #evict(nowMs: number): void {
    let next = this.#oldest.next();
    if (next.done === true) {
      // It came to the end when there was nothing, and stays there.
      this.#oldest = this.#entries.entries();
      next = this.#oldest.next();
    }
    if (next.done === true) return;
    const [key, value] = next.value;
    if (!this.#rules.isOver(value, nowMs)) this.#evicted++;
    this.delete(key);
  }
}
