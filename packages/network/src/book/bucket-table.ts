import type { Random } from '@pea2pea/core';

/** Slots of a bucket. */
export const BUCKET_SIZE = 64;

/** A slot of a table: the number of its bucket times {@link BUCKET_SIZE}, and its place in it. */
export type Slot = number;

/** Buckets of {@link BUCKET_SIZE} slots, of which most may be empty. */
export class BucketTable<E> {
  readonly #bucketCount: number;
  readonly #slots = new Map<Slot, E>();
  /** How many slots of each bucket are taken. */
  readonly #taken: Uint8Array;

  constructor(bucketCount: number) {
    this.#bucketCount = bucketCount;
    this.#taken = new Uint8Array(bucketCount);
  }

  /** Slots that are taken. */
  get size(): number {
    return this.#slots.size;
  }

  /** What is in a slot; undefined where it is empty. */
  at(slot: Slot): E | undefined {
    return this.#slots.get(slot);
  }

  /** Fills an empty slot. */
  put(slot: Slot, entry: E): void {
    this.#slots.set(slot, entry);
    this.#taken[bucketOf(slot)]!++;
  }

  /** Empties a slot that is taken. */
  clear(slot: Slot): void {
    if (this.#slots.delete(slot)) this.#taken[bucketOf(slot)]!--;
  }

  /**
   * An entry of a random bucket that is not empty, so that who fills one bucket is found no more often than who has one entry in
   * it; undefined where all are empty.
   */
  random(random: Random): E | undefined {
    const filled: number[] = [];
    for (let bucket = 0; bucket < this.#bucketCount; bucket++) {
      if (this.#taken[bucket]! > 0) filled.push(bucket);
    }
    if (filled.length === 0) return undefined;
    const bucket = filled[below(random, filled.length)]!;
    const start = below(random, BUCKET_SIZE);
    for (let step = 0; step < BUCKET_SIZE; step++) {
      const entry = this.#slots.get(bucket * BUCKET_SIZE + ((start + step) % BUCKET_SIZE));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }
}

function bucketOf(slot: Slot): number {
  return Math.floor(slot / BUCKET_SIZE);
}

/** A whole number from 0 to `limit`, without `limit`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random.next() * limit);
}
