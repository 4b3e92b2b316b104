import type { Clock, Timer } from '../contracts/clock.js';
import { overdueAwake } from './overdue.js';

/** Why one leaves the line without having been taken. */
export type Departure = 'expired' | 'displaced';

/** How long the line is, and how patient. */
export interface WaitingLineLimits {
  readonly places: number;
  /** How many of them one group may have. */
  readonly placesPerGroup: number;
  readonly patienceMs: number;
}

/** One that waits. */
interface Place<T> {
  readonly item: T;
  readonly queue: GroupQueue<T>;
  /** Since when it has waited; a standstill of the process moves it on. */
  sinceMs: number;
}

/** The entries of one group, in the order in which they came. */
interface GroupQueue<T> {
  readonly group: string;
  readonly places: Place<T>[];
}

/**
 * A line in which groups take turns: however many wait of one group, the first of another one waits for one of each.
 *
 * ```text
 *   add -> [ a a a a ]        take: one of a, of b, of c, then of a again
 *          [ b ]              a group without a share is passed over, until `reconsider`
 *          [ c c ]            who waited for `patienceMs` leaves by `onLeave`
 * ```
 *
 * INVARIANT: fair-shares. No group has more than `placesPerGroup` places, and none holds up another: where the line is
 * full, whoever comes takes the place of the last one of the group that has most, unless their own has as many.
 */
export class WaitingLine<T> {
  readonly #clock: Clock;
  readonly #limits: WaitingLineLimits;
  readonly #onLeave: (item: T, why: Departure) => void;
  /** All that wait, oldest first. */
  readonly #places = new Set<Place<T>>();
  readonly #queues = new Map<string, GroupQueue<T>>();
  /** Groups whose turn comes, next one first. The others were passed over. */
  readonly #turns = new Set<GroupQueue<T>>();
  /** For the oldest: all are equally patient, so that it is the first to leave. It may have left otherwise by then. */
  #patience: Timer | undefined;
  /** When that is due. */
  #dueMs = 0;

  constructor(clock: Clock, limits: WaitingLineLimits, onLeave: (item: T, why: Departure) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onLeave = onLeave;
  }

  /** How many wait. */
  get size(): number {
    return this.#places.size;
  }

  /** Whether somebody waits who was not passed over. */
  get hasTurn(): boolean {
    return this.#turns.size > 0;
  }

  /** Gives `item` a place, or says which limit has none left. */
  add(group: string, item: T): 'added' | 'full' | 'share-full' {
    const known = this.#queues.get(group);
    const held = known?.places.length ?? 0;
    const hasShare = held < this.#limits.placesPerGroup;
    const isFull = this.#places.size >= this.#limits.places;
    const displaced = isFull && hasShare ? this.#makeRoom(held) : undefined;
    if (isFull && displaced === undefined) return 'full';
    if (!hasShare) return 'share-full';
    const queue = known ?? { group, places: [] };
    if (known === undefined) {
      this.#queues.set(group, queue);
      this.#turns.add(queue);
    }
    const place = { item, queue, sinceMs: this.#clock.now() };
    queue.places.push(place);
    this.#places.add(place);
    if (this.#patience === undefined) this.#watchOldest();
    // Last: who is told may empty the line.
    if (displaced !== undefined) this.#onLeave(displaced.item, 'displaced');
    return 'added';
  }

  /** The next one whose group has a share; groups that have none are passed over until they are reconsidered. */
  take(hasShare: (group: string) => boolean): T | undefined {
    for (const queue of this.#turns) {
      this.#turns.delete(queue);
      if (!hasShare(queue.group)) continue;
      const place = queue.places[0]!;
      this.#remove(place);
      if (queue.places.length > 0) this.#turns.add(queue); // at the end
      if (this.#places.size === 0) this.#stopWatching();
      return place.item;
    }
    return undefined;
  }

  /** The group may have a share again. */
  reconsider(group: string): void {
    const queue = this.#queues.get(group);
    if (queue !== undefined) this.#turns.add(queue);
  }

  /** Empties the line. */
  clear(): T[] {
    const items = [...this.#places].map(({ item }) => item);
    this.#places.clear();
    this.#queues.clear();
    this.#turns.clear();
    this.#stopWatching();
    return items;
  }

  /**
   * Takes its place from the last one of the group with most places, for one whose group has `held`; from nobody where
   * that would only turn the tables.
   */
  #makeRoom(held: number): Place<T> | undefined {
    let largest: GroupQueue<T> | undefined;
    for (const queue of this.#queues.values()) {
      if (queue.places.length > (largest?.places.length ?? held + 1)) largest = queue;
    }
    const place = largest?.places.pop(); // not its only one
    if (place !== undefined) this.#places.delete(place);
    return place;
  }

  /** It is the first of its group, as both lists are in the order of arrival. */
  #remove(place: Place<T>): void {
    const { queue } = place;
    this.#places.delete(place);
    queue.places.shift();
    if (queue.places.length > 0) return;
    this.#queues.delete(queue.group);
    this.#turns.delete(queue);
  }

  #watchOldest(): void {
    this.#patience = undefined;
    for (const { sinceMs } of this.#places) {
      const leftMs = sinceMs + this.#limits.patienceMs - this.#clock.now();
      this.#dueMs = sinceMs + this.#limits.patienceMs;
      // Setups whose bytes came while the event loop stood still make room first.
      this.#patience = overdueAwake(this.#clock, Math.max(leftMs, 0), this.#expire);
      return;
    }
  }

  #stopWatching(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
  }

  readonly #expire = (): void => {
    const now = this.#clock.now();
    const lateMs = now - this.#dueMs;
    if (lateMs > this.#limits.patienceMs / 4) this.#forgive(lateMs, now);
    for (const place of this.#places) {
      // A timer of Node may be early by a fraction of a millisecond.
      if (now - place.sinceMs < this.#limits.patienceMs - 1) break;
      this.#remove(place);
      this.#onLeave(place.item, 'expired');
    }
    this.#watchOldest();
  };

  /** A standstill of the process does not count for those that were not due before it. INVARIANT: clock-after-socket. */
  #forgive(durationMs: number, nowMs: number): void {
    const latestMs = this.#dueMs - this.#limits.patienceMs;
    for (const place of this.#places) {
      if (place.sinceMs > latestMs) place.sinceMs = Math.min(place.sinceMs + durationMs, nowMs);
    }
  }
}
