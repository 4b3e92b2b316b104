import { compareDistance } from './id.js';
import { isNewer, type DhtRecord } from './record.js';
import type { Refusal } from './messages.js';

/** How stored values are bounded. */
export interface ValueLimits {
  readonly maxValues: number;
  readonly maxValuesBytes: number;
  readonly maxValuesPerGroup: number;
}

/** A value that this node keeps. */
export interface StoredValue {
  readonly key: Buffer;
  readonly record: DhtRecord;
  /** The group of who sent it: what they may store is bounded. */
  readonly owner: string;
  /** When it is dropped, on the monotonic clock. */
  readonly expiresMs: number;
  /** When somebody stored it last, on the monotonic clock: they have stored it at others, too. */
  readonly storedMs: number;
}

/** What an entry costs besides its value: key, signature, and what holds them. */
const OVERHEAD_BYTES = 512;

/**
 * The values that a node keeps for others. When it is full, the key that is farthest from the node goes, if the newcomer is closer:
 * others are responsible for it.
 */
export class Values {
  readonly #self: Buffer;
  readonly #limits: ValueLimits;
  readonly #values = new Map<string, StoredValue>();
  readonly #perOwner = new Map<string, number>();
  #bytes = 0;

  constructor(self: Buffer, limits: ValueLimits) {
    this.#self = self;
    this.#limits = limits;
  }

  get size(): number {
    return this.#values.size;
  }

  /** About how many bytes of memory they take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The value of a key, unless it is over. */
  get(key: string, nowMs: number): StoredValue | undefined {
    const stored = this.#values.get(key);
    if (stored === undefined || stored.expiresMs > nowMs) return stored;
    this.#delete(key);
    return undefined;
  }

  /** All that are not over. */
  all(nowMs: number): StoredValue[] {
    for (const [key, { expiresMs }] of this.#values) if (expiresMs <= nowMs) this.#delete(key);
    return [...this.#values.values()];
  }

  /** Others were sent the value of a key. */
  touch(key: string, nowMs: number): void {
    const stored = this.#values.get(key);
    if (stored !== undefined) this.#values.set(key, { ...stored, storedMs: nowMs });
  }

  /** Keeps a value, or says why not. */
  add(value: StoredValue): Refusal | undefined {
    const key = value.key.toString('hex');
    const known = this.get(key, value.storedMs);
    if (known !== undefined) return this.#renew(key, known, value);
    const { maxValuesPerGroup } = this.#limits;
    if ((this.#perOwner.get(value.owner) ?? 0) >= maxValuesPerGroup) return 'full';
    if (!this.#makeRoom(value)) return 'full';
    this.#set(key, value);
    return undefined;
  }

  #renew(key: string, known: StoredValue, value: StoredValue): Refusal | undefined {
    if (isNewer(known.record, value.record)) return 'old';
    const isNew = isNewer(value.record, known.record);
    if (isNew && value.record.value.length > known.record.value.length && !this.#makeRoom(value, key)) {
      return 'full';
    }
    // Whoever stored it first has it among theirs: to store the values of others anew costs nothing, and gains nothing.
    const expiresMs = isNew ? value.expiresMs : Math.max(known.expiresMs, value.expiresMs);
    this.#delete(key);
    this.#set(key, { ...value, owner: known.owner, expiresMs });
    return undefined;
  }

  /** Drops values that are farther than the newcomer, as far as it takes. */
  #makeRoom(value: StoredValue, except?: string): boolean {
    const { maxValues, maxValuesBytes } = this.#limits;
    const hasRoom = (): boolean =>
      this.#values.size < maxValues && this.#bytes + costOf(value) <= maxValuesBytes;
    if (hasRoom()) return true;
    this.all(value.storedMs);
    while (!hasRoom()) {
      let farthest: StoredValue | undefined;
      for (const [key, other] of this.#values) {
        const isFarther = farthest === undefined || compareDistance(this.#self, other.key, farthest.key) > 0;
        if (key !== except && isFarther) farthest = other;
      }
      if (farthest === undefined || compareDistance(this.#self, value.key, farthest.key) >= 0) return false;
      this.#delete(farthest.key.toString('hex'));
    }
    return true;
  }

  #set(key: string, value: StoredValue): void {
    this.#values.set(key, value);
    this.#bytes += costOf(value);
    this.#perOwner.set(value.owner, (this.#perOwner.get(value.owner) ?? 0) + 1);
  }

  #delete(key: string): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#bytes -= costOf(value);
    const left = this.#perOwner.get(value.owner)! - 1;
    if (left === 0) this.#perOwner.delete(value.owner);
    else this.#perOwner.set(value.owner, left);
  }
}

function costOf({ record }: StoredValue): number {
  return record.value.length + OVERHEAD_BYTES;
}
