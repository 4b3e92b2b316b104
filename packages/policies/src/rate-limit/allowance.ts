import type { SocketAddress } from '@pea2pea/core';
import { BoundedMap, TokenBucket } from '@pea2pea/core/authoring';
import type { Rates } from './options.js';
import type { StandstillWatch } from './standstill.js';

/** How much one sender, a connection or an IP address, may still send. */
export class Allowance {
  readonly messages: TokenBucket | undefined;
  readonly bytes: TokenBucket | undefined;
  /** When it was last used. */
  usedMs: number;
  /** Whether it was evicted from the map; whoever holds it must then look its address up again. */
  forgotten = false;
  readonly #burstMs: number;
  /** How many standstills of this process it was granted. */
  #standstills = 0;

  constructor({ messages, bytes, burstMs }: Rates, nowMs: number) {
    this.#burstMs = burstMs;
    this.messages = messages && new TokenBucket(messages, nowMs);
    this.bytes = bytes && new TokenBucket(bytes, nowMs);
    this.usedMs = nowMs;
  }

  /**
   * Grants what could have been sent while this process stood still, as that arrives now: for `burstSeconds`.
   *
   * note: the average over all of the time does not rise by it.
   */
  forgive({ count, lastMs, endedAtMs }: StandstillWatch, nowMs: number): void {
    if (this.#standstills === count) return;
    this.#standstills = count;
    const untilMs = endedAtMs + this.#burstMs;
    if (nowMs >= untilMs) return;
    this.messages?.grant(lastMs, nowMs, untilMs);
    this.bytes?.grant(lastMs, nowMs, untilMs);
  }

  /** Whether the next message is above a limit. */
  isSpent(nowMs: number): boolean {
    return (this.messages?.left(nowMs) ?? 1) < 1 || (this.bytes?.left(nowMs) ?? 1) < 0;
  }

  /** What is left, in whole messages and bytes; null without a limit, below 0 for a debt. */
  left(nowMs: number): { readonly messages: number | null; readonly bytes: number | null } {
    return { messages: leftIn(this.messages, nowMs), bytes: leftIn(this.bytes, nowMs) };
  }

  /** Whether it is as full as a new one. */
  isWhole(nowMs: number): boolean {
    return (this.messages?.isFull(nowMs) ?? true) && (this.bytes?.isFull(nowMs) ?? true);
  }
}

function leftIn(bucket: TokenBucket | undefined, nowMs: number): number | null {
  return bucket === undefined ? null : Math.floor(bucket.left(nowMs));
}

/** How long a full allowance is kept after its last use: without it, a peer that sends slowly would get a new one for every message. */
const KEEP_WHOLE_MS = 1_000;

/**
 * The allowances of IP addresses. An allowance outlives the connections of its address until it is full again, so that
 * reconnecting does not gain a new one. A full one may be forgotten.
 */
export class AddressAllowances {
  readonly #rates: Rates;
  readonly #ipv6PrefixLength: number;
  readonly #allowances: BoundedMap<Allowance>;
  /** The allowance that all addresses share if there is no limit. */
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

  /** Those whose next message is above a limit. */
  *spent(nowMs: number): Generator<readonly [address: string, allowance: Allowance]> {
    for (const entry of this.#allowances.entries()) if (entry[1].isSpent(nowMs)) yield entry;
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
