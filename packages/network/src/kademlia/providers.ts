import type { PeerAddress } from '../shared/peer-address.js';
import type { Refusal } from './messages.js';

/** How stored providers are bounded. */
export interface ProviderLimits {
  readonly maxProviders: number;
  readonly maxProvidersPerKey: number;
  readonly maxProvidersPerGroup: number;
}

/** Somebody who has what a key stands for. */
export interface Provider {
  readonly peer: PeerAddress;
  /** What they may store is bounded, for a group of addresses together. */
  readonly owner: string;
  /** When it is dropped, on the monotonic clock. */
  readonly expiresMs: number;
}

/** Who has what, by key: each said so themselves, with the identity that they proved. */
export class Providers {
  readonly #limits: ProviderLimits;
  readonly #byKey = new Map<string, Map<string, Provider>>();
  readonly #perOwner = new Map<string, number>();
  #size = 0;

  constructor(limits: ProviderLimits) {
    this.#limits = limits;
  }

  /** Entries of all keys. */
  get size(): number {
    return this.#size;
  }

  /** The providers of a key that are not over, the newest first. */
  of(key: string, nowMs: number): PeerAddress[] {
    const all = this.#byKey.get(key);
    if (all === undefined) return [];
    this.#expire(key, all, nowMs);
    return Array.from(all.values(), ({ peer }) => peer).reverse();
  }

  /** Keeps an entry, or says why not. Those that are there stay: to come in great number drives out nobody. */
  add(key: string, provider: Provider, nowMs: number): Refusal | undefined {
    const { maxProviders, maxProvidersPerGroup } = this.#limits;
    const identity = provider.peer.identity!;
    const { owner } = provider;
    this.#delete(key, identity);
    if (this.#size >= maxProviders) this.expire(nowMs);
    if (this.#size >= maxProviders || (this.#perOwner.get(owner) ?? 0) >= maxProvidersPerGroup) return 'full';
    if (!this.#hasRoomFor(key, owner, nowMs)) return 'full';
    const all = this.#byKey.get(key) ?? new Map<string, Provider>();
    this.#byKey.set(key, all.set(identity, provider));
    this.#perOwner.set(owner, (this.#perOwner.get(owner) ?? 0) + 1);
    this.#size++;
    return undefined;
  }

  /** Drops all that are over. */
  expire(nowMs: number): void {
    for (const [key, all] of this.#byKey) this.#expire(key, all, nowMs);
  }

  /** One group has a quarter of a key at most. */
  #hasRoomFor(key: string, owner: string, nowMs: number): boolean {
    const all = this.#byKey.get(key);
    if (all === undefined) return true;
    this.#expire(key, all, nowMs);
    const { maxProvidersPerKey } = this.#limits;
    let ofOwner = 0;
    for (const provider of all.values()) if (provider.owner === owner) ofOwner++;
    return all.size < maxProvidersPerKey && ofOwner < Math.ceil(maxProvidersPerKey / 4);
  }

  #expire(key: string, all: Map<string, Provider>, nowMs: number): void {
    for (const [identity, { expiresMs }] of all) if (expiresMs <= nowMs) this.#delete(key, identity);
  }

  #delete(key: string, identity: string): void {
    const all = this.#byKey.get(key);
    const provider = all?.get(identity);
    if (all === undefined || provider === undefined) return;
    all.delete(identity);
    if (all.size === 0) this.#byKey.delete(key);
    this.#size--;
    const left = this.#perOwner.get(provider.owner)! - 1;
    if (left === 0) this.#perOwner.delete(provider.owner);
    else this.#perOwner.set(provider.owner, left);
  }
}
