import type { IpPrefix } from '@pea2pea/core';
import { BoundedMap } from '@pea2pea/core/authoring';

/** A block of addresses that is banned. */
export interface Ban {
  readonly prefix: IpPrefix;
  /** On the node's monotonic clock; Infinity is for good. */
  readonly untilMs: number;
  readonly why: string | undefined;
}

/**
 * Bans, found by address. All lie in maps by the text of their prefix; to find the one that covers an address, it is
 * shortened to each prefix length in use: three look-ups for three lengths, however many bans there are.
 *
 * note: bans with an end are bounded: the oldest goes first. Those for good come from the operator alone, and stay.
 */
export class BanList {
  readonly #passing: BoundedMap<Ban>;
  readonly #lasting = new Map<string, Ban>();
  /** How many bans have which length. */
  readonly #lengths = { 4: new Map<number, number>(), 6: new Map<number, number>() };

  constructor(maxEntries: number) {
    this.#passing = new BoundedMap({
      maxEntries,
      isOver: (ban, nowMs) => ban.untilMs <= nowMs,
      onRemove: (_prefix, ban) => this.#countLength(ban, -1),
    });
  }

  /** Bans that had to go before their time. */
  get evicted(): number {
    return this.#passing.evicted;
  }

  /** Adds `ban`; one of the same prefix is replaced. */
  set(ban: Ban, nowMs: number): void {
    this.delete(ban.prefix, nowMs);
    this.#countLength(ban, 1);
    const key = ban.prefix.toString();
    if (ban.untilMs === Infinity) this.#lasting.set(key, ban);
    else this.#passing.set(key, ban, nowMs);
  }

  /** Ends the ban of just this prefix; whether there was one in force. */
  delete(prefix: IpPrefix, nowMs: number): boolean {
    const key = prefix.toString();
    const lasting = this.#lasting.get(key);
    if (lasting === undefined)
      return this.#passing.get(key, nowMs) !== undefined && this.#passing.delete(key);
    this.#lasting.delete(key);
    this.#countLength(lasting, -1);
    return true;
  }

  /** A ban that covers all of `prefix`. */
  covering(prefix: IpPrefix, nowMs: number): Ban | undefined {
    for (const length of this.#lengths[prefix.version].keys()) {
      if (length > prefix.length) continue;
      const block = prefix.shortened(length);
      const ban =
        this.#get(block, nowMs) ?? (block.zone === '' ? undefined : this.#get(block.onEveryLink, nowMs));
      if (ban !== undefined) return ban;
    }
    return undefined;
  }

  /** The ban of just this prefix. */
  #get(prefix: IpPrefix, nowMs: number): Ban | undefined {
    const key = prefix.toString();
    return this.#lasting.get(key) ?? this.#passing.get(key, nowMs);
  }

  /** Those in force: for good first, then oldest first. */
  all(nowMs: number): Ban[] {
    return [...this.#lasting.values(), ...this.#passing.values(nowMs)];
  }

  #countLength({ prefix: { version, length } }: Ban, change: 1 | -1): void {
    const lengths = this.#lengths[version];
    const count = (lengths.get(length) ?? 0) + change;
    if (count === 0) lengths.delete(length);
    else lengths.set(length, count);
  }
}
