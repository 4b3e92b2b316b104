import type { SocketAddress } from '@pea2pea/core';
import { BoundedMap, TokenBucket } from '@pea2pea/core/authoring';
import type { Rates } from './options.js';

/** What one sender, a connection or an IP address, may still send. */
export class Allowance {
  readonly messages: TokenBucket | undefined;
  readonly bytes: TokenBucket | undefined;
  /** When something was last taken from it. */
  usedMs: number;
  /** It was forgotten: who still holds it asks for the one that is in force now. */
  forgotten = false;

  constructor({ messages, bytes }: Rates, nowMs: number) {
    this.messages = messages && new TokenBucket(messages, nowMs);
    this.bytes = bytes && new TokenBucket(bytes, nowMs);
    this.usedMs = nowMs;
  }

  /** As if it had never been used. */
  isWhole(nowMs: number): boolean {
    return (this.messages?.isFull(nowMs) ?? true) && (this.bytes?.isFull(nowMs) ?? true);
  }
}

/** A whole allowance is kept so long, or those of peers that send little would be made anew for every message. */
const KEEP_WHOLE_MS = 1_000;

/**
 * The allowances of IP addresses. One outlives the connections of its address for as long as it is not whole, so that
 * nobody gets a fresh one by reconnecting; a whole one is as good as none and may be forgotten.
 */
export class AddressAllowances {
  readonly #rates: Rates;
  readonly #ipv6PrefixLength: number;
  readonly #allowances: BoundedMap<Allowance>;
  /** That of everybody, where there is no limit to remember anybody for. */
  readonly #boundless: Allowance | undefined;

  constructor(rates: Rates, ipv6PrefixLength: number, maxAddresses: number) {
    this.#rates = rates;
    this.#ipv6PrefixLength = ipv6PrefixLength;
    const isBoundless = rates.messages === undefined && rates.bytes === undefined;
    this.#boundless = isBoundless ? new Allowance(rates, 0) : undefined;
    this.#allowances = new BoundedMap({
      maxEntries: maxAddresses,
      isOver: (allowance, nowMs) => nowMs - allowance.usedMs >= KEEP_WHOLE_MS && allowance.isWhole(nowMs),
      onRemove: (_group, allowance) => void (allowance.forgotten = true),
    });
  }

  get size(): number {
    return this.#allowances.size;
  }

  get evicted(): number {
    return this.#allowances.evicted;
  }

  of(address: SocketAddress, nowMs: number): Allowance {
    if (this.#boundless !== undefined) return this.#boundless;
    const group = address.limitGroup(this.#ipv6PrefixLength);
    const known = this.#allowances.get(group, nowMs);
    if (known !== undefined) return known;
    const made = new Allowance(this.#rates, nowMs);
    this.#allowances.set(group, made, nowMs);
    return made;
  }
}
