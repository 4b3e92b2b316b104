import type { IpPrefix } from '@pea2pea/core';
import { BoundedMap } from '@pea2pea/core/authoring';

/** A ban of a block of addresses. */
export interface Ban {
  readonly prefix: IpPrefix;
  /** When it ends, on the node's monotonic clock; Infinity for a permanent ban. */
  readonly untilMs: number;
  readonly why: string | undefined;
}

/**
 * Bans that can be looked up by address. They are in maps by the string form of their prefix; to find the ban that covers an
 * address, the address is shortened to each prefix length in use: three look-ups for three lengths, for any number of bans.
 *
 * note: temporary bans are bounded: the oldest is removed first. Permanent ones come only from the operator, and stay.
 */
export class BanList {
  readonly #passing: BoundedMap<Ban>;
  readonly #lasting = new Map<string, Ban>();
  /** The number of bans by prefix length. */
  readonly #lengths = { 4: new Map<number, number>(), 6: new Map<number, number>() };

  constructor(maxEntries: number) {
    this.#passing = new BoundedMap({
      maxEntries,
      isOver: (ban, nowMs) => ban.untilMs <= nowMs,
      onRemove: (_prefix, ban) => this.#countLength(ban, -1),
    });
  }

  /** How many bans were removed before they ended. */
  get evicted(): number {
    return this.#passing.evicted;
  }

  /** Adds `ban`, in place of one of the same prefix. */
  set(ban: Ban, nowMs: number): void {
    this.delete(ban.prefix, nowMs);
    this.#countLength(ban, 1);
    const key = ban.prefix.toString();
    if (ban.untilMs === Infinity) this.#lasting.set(key, ban);
    else this.#passing.set(key, ban, nowMs);
  }

  /** Removes the ban of exactly this prefix; returns whether there was one in force. */
  delete(prefix: IpPrefix, nowMs: number): boolean {
    const key = prefix.toString();
    const lasting = this.#lasting.get(key);
    if (lasting === undefined)
      return this.#passing.get(key, nowMs) !== undefined && this.#passing.delete(key);
    this.#lasting.delete(key);
    this.#countLength(lasting, -1);
    return true;
  }

  /** A ban in force that covers all of `prefix`. */
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

  /** The ban in force of exactly this prefix. */
  #get(prefix: IpPrefix, nowMs: number): Ban | undefined {
    const key = prefix.toString();
    return this.#lasting.get(key) ?? this.#passing.get(key, nowMs);
  }

  /** The bans in force: permanent ones first, then oldest first. */
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
