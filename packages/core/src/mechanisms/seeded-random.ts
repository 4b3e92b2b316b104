import type { Random } from '../contracts/random.js';

/**
 * A source whose numbers follow from `seed` (an unsigned 32-bit integer) alone: the mulberry32 generator.
 * For topologies, tests and simulations, never for secrets.
 */
export function seededRandom(seed: number): Random {
  return new Mulberry32(seed);
}

class Mulberry32 implements Random {
  /** Signed, as V8 keeps integers of 32 bits: an unsigned one would be a new number on the heap each time. */
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    const state = (this.#state + 0x6d2b79f5) | 0;
    this.#state = state;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
