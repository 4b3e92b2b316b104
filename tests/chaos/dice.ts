import type { Random } from '@pea2pea/core';
import { seededRandom } from '@pea2pea/core/testing';

/** All chance in a run: whatever is drawn here follows from the seed and the order of the draws. */
export class Dice implements Random {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  next(): number {
    return this.#random.next();
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** One of `list`, or undefined where there is none. */
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.integer(0, list.length - 1)];
  }

  /** One of the names, as likely as its weight says. */
  weighted<K extends string>(weights: ReadonlyMap<K, number>): K {
    let total = 0;
    for (const weight of weights.values()) total += weight;
    let left = this.next() * total;
    for (const [name, weight] of weights) {
      left -= weight;
      if (left < 0) return name;
    }
    throw new Error('no name has a weight');
  }

  /** Dice of their own, so that who rolls them does not change what others roll. */
  fork(): Dice {
    return new Dice(this.integer(0, 2 ** 32 - 1));
  }
}
