import { BoundedMap } from '@pea2pea/core/authoring';

/** What a store needs to know about a ban. */
interface Passing {
  /** When it ends, on the node's monotonic clock; Infinity for a permanent ban. */
  readonly untilMs: number;
}

/**
 * Bans by a string that stands for what is banned.
 *
 * note: temporary bans are bounded: the oldest is removed first. Permanent ones come only from the operator, and stay.
 */
export class BanStore<B extends Passing> {
  readonly #passing: BoundedMap<B>;
  readonly #lasting = new Map<string, B>();
  readonly #onRemove: (ban: B) => void;

  /** @param onRemove called for every ban that leaves: lifted, replaced, over, or one too many */
  constructor(maxEntries: number, onRemove: (ban: B) => void = () => {}) {
    this.#onRemove = onRemove;
    this.#passing = new BoundedMap({
      maxEntries,
      isOver: (ban, nowMs) => ban.untilMs <= nowMs,
      onRemove: (_key, ban) => onRemove(ban),
    });
  }

  /** How many bans were removed before they ended. */
  get evicted(): number {
    return this.#passing.evicted;
  }

  /** Adds `ban`, in place of one of the same key. */
  set(key: string, ban: B, nowMs: number): void {
    this.delete(key, nowMs);
    if (ban.untilMs === Infinity) this.#lasting.set(key, ban);
    else this.#passing.set(key, ban, nowMs);
  }

  /** Removes the ban of exactly this key; returns whether there was one in force. */
  delete(key: string, nowMs: number): boolean {
    const lasting = this.#lasting.get(key);
    if (lasting === undefined)
      return this.#passing.get(key, nowMs) !== undefined && this.#passing.delete(key);
    this.#lasting.delete(key);
    this.#onRemove(lasting);
    return true;
  }

  /** The ban in force of exactly this key. */
  get(key: string, nowMs: number): B | undefined {
    return this.#lasting.get(key) ?? this.#passing.get(key, nowMs);
  }

  /** The bans in force: permanent ones first, then oldest first. */
  all(nowMs: number): B[] {
    return [...this.#lasting.values(), ...this.#passing.values(nowMs)];
  }
}
