import { Batch } from './batch.js';

/** What a connection encodes into first, and what it goes on with when that was too little. */
export const SMALL_SLAB = 4 * 1024;
export const LARGE_SLAB = 64 * 1024;

/** Slabs and batches kept for later; more than that are left to the garbage collector. 640 KiB at most. */
const KEEP_SMALL = 32;
const KEEP_LARGE = 8;
const KEEP_BATCHES = 32;

/**
 * Blocks of memory that encoders write into, and the lists of them that are written together. A node has one pool, so an idle connection holds no slab.
 *
 * note: a slab may be released only when nobody reads from it any more.
 */
export class SlabPool {
  #small: Buffer[] = [];
  #large: Buffer[] = [];
  #batches: Batch[] = [];

  /** A slab of {@link SMALL_SLAB} or {@link LARGE_SLAB} bytes, of any content. */
  take(size: number): Buffer {
    const kept = size === SMALL_SLAB ? this.#small : this.#large;
    return kept.pop() ?? Buffer.allocUnsafeSlow(size);
  }

  /** Keeps a slab for the next who takes one. */
  giveBack(slab: Buffer): void {
    if (slab.length === SMALL_SLAB) {
      if (this.#small.length < KEEP_SMALL) this.#small.push(slab);
    } else if (this.#large.length < KEEP_LARGE) {
      this.#large.push(slab);
    }
  }

  /** An empty batch. */
  takeBatch(): Batch {
    return this.#batches.pop() ?? new Batch();
  }

  /**
   * Keeps a batch that nobody looks at any more, for the next who takes one.
   *
   * @param isUnread whether nobody reads from its slabs any more, either: they are kept, too
   */
  giveBackBatch(batch: Batch, isUnread: boolean): void {
    if (isUnread) for (const slab of batch.slabs) this.giveBack(slab);
    if (this.#batches.length >= KEEP_BATCHES) return;
    batch.clear();
    this.#batches.push(batch);
  }

  /** Lets go of everything. */
  clear(): void {
    this.#small = [];
    this.#large = [];
    this.#batches = [];
  }
}
