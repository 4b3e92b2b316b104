const NONE: readonly never[] = [];

/**
 * Slots under the addresses that they hold, oldest first.
 *
 * ```text
 *   #first   203.0.113.7:80  -> slot          most addresses have one slot, and cost one entry
 *   #beside  203.0.113.7:80  -> slot, slot    those that came later
 * ```
 */
export class SlotsByAddress<S> {
  readonly #first = new Map<string, S>();
  readonly #beside = new Map<string, Set<S>>();

  /** The oldest slot of `key`. */
  first(key: string): S | undefined {
    return this.#first.get(key);
  }

  /** All slots of `key`. */
  *all(key: string): IterableIterator<S> {
    const first = this.#first.get(key);
    if (first === undefined) return;
    yield first;
    yield* this.#beside.get(key) ?? NONE;
  }

  has(key: string, slot: S): boolean {
    return this.#first.get(key) === slot || this.#beside.get(key)?.has(slot) === true;
  }

  add(key: string, slot: S): void {
    if (!this.#first.has(key)) {
      this.#first.set(key, slot);
      return;
    }
    const beside = this.#beside.get(key);
    if (beside === undefined) this.#beside.set(key, new Set([slot]));
    else beside.add(slot);
  }

  /** Takes `slot` away; the next oldest takes its place. Harmless where it is not there. */
  delete(key: string, slot: S): void {
    const beside = this.#beside.get(key);
    if (this.#first.get(key) !== slot) {
      beside?.delete(slot);
    } else if (beside === undefined) {
      this.#first.delete(key);
    } else {
      const [next] = beside;
      beside.delete(next!);
      this.#first.set(key, next!);
    }
    if (beside?.size === 0) this.#beside.delete(key);
  }

  /** All slots, address after address, in the order in which the addresses were first taken. */
  *[Symbol.iterator](): IterableIterator<S> {
    for (const [key, first] of this.#first) {
      yield first;
      if (this.#beside.size > 0) yield* this.#beside.get(key) ?? NONE;
    }
  }
}
