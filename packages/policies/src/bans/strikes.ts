import type { IpPrefix } from '@pea2pea/core';
import { BoundedMap } from '@pea2pea/core/authoring';

/** The options that strikes are counted by. */
export interface StrikeRules {
  readonly strikes: number;
  readonly strikeWindowMs: number;
  readonly maxEntries: number;
}

interface Strike {
  readonly atMs: number;
  readonly weight: number;
}

/** The strikes of addresses and IPv6 prefixes. Each is forgotten after `strikeWindowMs`. */
export class Strikes {
  readonly #rules: StrikeRules;
  readonly #strikes: BoundedMap<Strike[]>;

  constructor(rules: StrikeRules) {
    this.#rules = rules;
    this.#strikes = new BoundedMap({
      maxEntries: rules.maxEntries,
      isOver: (strikes, nowMs) => this.#isOld(strikes.at(-1), nowMs),
    });
  }

  /** How many addresses have strikes, those included whose strikes are old. */
  get size(): number {
    return this.#strikes.size;
  }

  /** How many addresses had their strikes forgotten early, as there were more than `maxEntries`. */
  get evicted(): number {
    return this.#strikes.evicted;
  }

  /** Adds a strike. Returns how many there are now within the window; where that is too many, they are forgotten. */
  add(prefix: IpPrefix, weight: number, nowMs: number): number {
    const key = prefix.toString();
    const total = this.count(prefix, nowMs) + weight;
    if (total >= this.#rules.strikes) {
      this.#strikes.delete(key);
      return total;
    }
    // The array stays shorter than `strikes`, as each weighs at least 1.
    const strikes = this.#strikes.get(key, nowMs);
    if (strikes === undefined) this.#strikes.set(key, [{ atMs: nowMs, weight }], nowMs);
    else strikes.push({ atMs: nowMs, weight });
    return total;
  }

  /** The total weight of the strikes within the window. */
  count(prefix: IpPrefix, nowMs: number): number {
    const strikes = this.#strikes.get(prefix.toString(), nowMs);
    if (strikes === undefined) return 0;
    while (this.#isOld(strikes[0], nowMs)) strikes.shift();
    return strikes.reduce((sum, { weight }) => sum + weight, 0);
  }

  forget(prefix: IpPrefix): void {
    this.#strikes.delete(prefix.toString());
  }

  #isOld(strike: Strike | undefined, nowMs: number): boolean {
    return strike !== undefined && nowMs - strike.atMs >= this.#rules.strikeWindowMs;
  }
}
