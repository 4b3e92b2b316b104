import type { IpPrefix } from '@pea2pea/core';
import { BanStore } from './ban-store.js';

/** A ban of a block of addresses. */
export interface Ban {
  readonly prefix: IpPrefix;
  /** When it ends, on the node's monotonic clock; Infinity for a permanent ban. */
  readonly untilMs: number;
  readonly why: string | undefined;
}

/** A ban of a peer, wherever it comes from. */
export interface IdentityBan {
  readonly identity: string;
  /** When it ends, on the node's monotonic clock; Infinity for a permanent ban. */
  readonly untilMs: number;
  readonly why: string | undefined;
}

/**
 * Bans that can be looked up by address. They are in a store by the string form of their prefix; to find the ban that covers
 * an address, the address is shortened to each prefix length in use: three look-ups for three lengths, for any number of bans.
 */
export class BanList {
  readonly #store: BanStore<Ban>;
  /** The number of bans by prefix length. */
  readonly #lengths = { 4: new Map<number, number>(), 6: new Map<number, number>() };

  constructor(maxEntries: number) {
    this.#store = new BanStore(maxEntries, (ban) => this.#countLength(ban, -1));
  }

  /** How many bans were removed before they ended. */
  get evicted(): number {
    return this.#store.evicted;
  }

  /** Adds `ban`, in place of one of the same prefix. */
  set(ban: Ban, nowMs: number): void {
    this.#store.set(ban.prefix.toString(), ban, nowMs);
    this.#countLength(ban, 1);
  }

  /** Removes the ban of exactly this prefix; returns whether there was one in force. */
  delete(prefix: IpPrefix, nowMs: number): boolean {
    return this.#store.delete(prefix.toString(), nowMs);
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

  /** The bans in force: permanent ones first, then oldest first. */
  all(nowMs: number): Ban[] {
    return this.#store.all(nowMs);
  }

  /** The ban in force of exactly this prefix. */
  #get(prefix: IpPrefix, nowMs: number): Ban | undefined {
    return this.#store.get(prefix.toString(), nowMs);
  }

  #countLength({ prefix: { version, length } }: Ban, change: 1 | -1): void {
    const lengths = this.#lengths[version];
    const count = (lengths.get(length) ?? 0) + change;
    if (count === 0) lengths.delete(length);
    else lengths.set(length, count);
  }
}
