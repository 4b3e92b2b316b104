/** How many different things are counted apart: far more than this project has codes. */
const MOST_NAMES = 64;

/** What is counted under, once there are {@link MOST_NAMES}. */
const OTHERS = 'other';

/**
 * How often each of several things happened, by name.
 *
 * note: names that hooks make up, such as the codes of their own errors, are bounded as all that grows.
 */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    const key = this.#counts.has(name) || this.#counts.size < MOST_NAMES ? name : OTHERS;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** All of it at this moment, in the order in which each happened first. */
  get counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
