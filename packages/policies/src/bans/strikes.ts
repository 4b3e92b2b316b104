import type { IpPrefix } from '@pea2pea/core';
import { BoundedMap } from '@pea2pea/core/authoring';

/** How many strikes are too many. */
export interface StrikeRules {
  readonly strikes: number;
  readonly strikeWindowMs: number;
  readonly maxEntries: number;
}

interface Strike {
  readonly atMs: number;
  readonly weight: number;
}

/** Strikes of addresses and IPv6 prefixes; each is forgotten when it is `strikeWindowMs` old. */
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

  /** Addresses whose strikes had to be forgotten before their time. */
  get evicted(): number {
    return this.#strikes.evicted;
  }

  /** Adds a strike; true when those of the window are too many now, and then they are forgotten. */
  add(prefix: IpPrefix, weight: number, nowMs: number): boolean {
    const key = prefix.toString();
    if (this.count(prefix, nowMs) + weight >= this.#rules.strikes) {
      this.#strikes.delete(key);
      return true;
    }
    // Fewer than `strikes` of them, as each weighs 1 at least.
    const strikes = this.#strikes.get(key, nowMs);
    if (strikes === undefined) this.#strikes.set(key, [{ atMs: nowMs, weight }], nowMs);
    else strikes.push({ atMs: nowMs, weight });
    return false;
  }

  /** The weight of the strikes of the window. */
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
