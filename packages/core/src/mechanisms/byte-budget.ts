/**
 * Counts the bytes that a node holds over all its connections against one limit.
 * Who finds it exceeded waits; `onRelief` is called when it is not any more.
 */
export class ByteBudget {
  readonly limit: number;
  #used = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  get exceeded(): boolean {
    return this.#used > this.limit;
  }

  /** Adds bytes, or takes them off where `delta` is negative. */
  add(delta: number): void {
    this.#used += delta;
    if (delta < 0 && this.#waiting.size > 0 && !this.exceeded) this.#relieve();
  }

  /** Calls `callback` once, when the budget is no longer exceeded. */
  onRelief(callback: () => void): void {
    this.#waiting.add(callback);
  }

  /** The call will not happen. */
  forget(callback: () => void): void {
    this.#waiting.delete(callback);
  }

  #relieve(): void {
    // One at a time: each of them may fill the budget again.
    for (const callback of this.#waiting) {
      if (this.exceeded) return;
      this.#waiting.delete(callback);
      callback();
    }
  }
}
