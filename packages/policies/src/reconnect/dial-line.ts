/** Something that waits for a dial, or is dialling. */
export interface Dialler {
  /** How many failures in a row: those with fewer are more likely to succeed. */
  readonly failures: number;
  /** It is its turn; it leaves the line when the dial has an outcome. */
  dial(): void;
}

/**
 * Lets a few dial at a time. The others wait in line. Every second turn goes to the one that has waited longest, the others
 * to the one with the fewest failures, and of these to the one that has waited longest: addresses that are down, however
 * many, hold up those that are up by no more than every second dial, and each has its turn.
 */
export class DialLine {
  readonly #maxDialling: number;
  readonly #dialling = new Set<Dialler>();
  readonly #waiting = new Set<Dialler>();
  #isTurnOfOldest = false;
  #isClosed = false;

  constructor(maxDialling: number) {
    this.#maxDialling = maxDialling;
  }

  /** Calls `dial` of `dialler`, now or when there is room. */
  enter(dialler: Dialler): void {
    this.#waiting.add(dialler);
    this.#admit();
  }

  /** Its dial has an outcome, or is not wanted any more. Harmless for one that is not in the line. */
  leave(dialler: Dialler): void {
    this.#waiting.delete(dialler);
    if (this.#dialling.delete(dialler)) this.#admit();
  }

  /** Nobody gets a turn any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
  }

  #admit(): void {
    while (!this.#isClosed && this.#dialling.size < this.#maxDialling && this.#waiting.size > 0) {
      const next = this.#next();
      this.#waiting.delete(next);
      this.#dialling.add(next);
      next.dial();
    }
  }

  #next(): Dialler {
    const [oldest, ...others] = this.#waiting;
    this.#isTurnOfOldest = !this.#isTurnOfOldest;
    if (this.#isTurnOfOldest) return oldest!;
    return others.reduce((best, other) => (other.failures < best.failures ? other : best), oldest!);
  }
}
