/** Which comes first of what happens at one instant: as in a turn of the event loop of Node. */
export const ORDER = { timers: 0, network: 1, turns: 2 } as const;

/** A place in {@link ORDER}. */
export type Order = (typeof ORDER)[keyof typeof ORDER];

/** Something that will happen. What sets it off is one object with it: a timer, a segment. */
export abstract class SimEvent {
  /** Where it is among all events of one instant; {@link NOWHERE} where it is not going to happen. @internal */
  place = NOWHERE;

  abstract happen(): void;
}

const NOWHERE = -1;
/** Places of one order: more than a world ever has events. */
const PLACES = 2 ** 50;
/** Cancelled events stay in the heap until they are half of it, and there are as many as this. */
const FEW = 1_024;

/**
 * What will happen, the next first: a binary heap. Times and places lie side by side in memory, apart from the events: where
 * thousands wait, most of the work is to get at what is to be compared.
 */
export class EventQueue {
  #times = new Float64Array(FEW);
  #places = new Float64Array(FEW);
  #events: SimEvent[] = [];
  #serial = 0;
  #cancelled = 0;

  /** How many events there are. */
  get size(): number {
    return this.#events.length - this.#cancelled;
  }

  /** Adds an event that is in no queue. Events of one instant and order happen as they were added. */
  add(event: SimEvent, timeMs: number, order: Order): void {
    const place = order * PLACES + this.#serial++;
    event.place = place;
    const index = this.#events.length;
    if (index === this.#times.length) this.#grow();
    this.#events.push(event);
    this.#times[index] = timeMs;
    this.#places[index] = place;
    this.#rise(index);
  }

  /** Harmless twice, and after the event has happened. */
  cancel(event: SimEvent): void {
    if (event.place === NOWHERE) return;
    event.place = NOWHERE;
    this.#cancelled++;
    if (this.#cancelled > FEW && this.#cancelled > this.#events.length / 2) this.#compact();
  }

  /** When the next event happens; undefined where there is none. */
  nextMs(): number | undefined {
    while (this.#events.length > 0) {
      if (this.#isLive(0)) return this.#times[0];
      this.#removeFirst();
      this.#cancelled--;
    }
    return undefined;
  }

  /** The event that {@link nextMs} tells of; it is removed. */
  take(): SimEvent {
    const event = this.#events[0]!;
    this.#removeFirst();
    event.place = NOWHERE;
    return event;
  }

  /** All that will happen, in the order in which it was added, for each {@link Order}. */
  all(): readonly SimEvent[] {
    return this.#events
      .filter((_event, index) => this.#isLive(index))
      .sort((one, other) => one.place - other.place);
  }

  /** An event that was cancelled may be in the queue again, at another place. */
  #isLive(index: number): boolean {
    return this.#events[index]!.place === this.#places[index];
  }

  #grow(): void {
    const [times, places] = [this.#times, this.#places];
    this.#times = new Float64Array(2 * times.length);
    this.#places = new Float64Array(2 * times.length);
    this.#times.set(times);
    this.#places.set(places);
  }

  #compact(): void {
    const [times, places, events] = [this.#times, this.#places, this.#events];
    const live = [...events.keys()].filter((index) => this.#isLive(index));
    this.#events = [];
    // One after the other is moved to the next free place, which is not after its old one, and rises from there.
    for (const index of live) {
      const next = this.#events.push(events[index]!) - 1;
      times[next] = times[index]!;
      places[next] = places[index]!;
      this.#rise(next);
    }
    this.#cancelled = 0;
  }

  #removeFirst(): void {
    const last = this.#events.length - 1;
    const event = this.#events.pop()!;
    if (last > 0) this.#sink(event, last);
  }

  // Only whole numbers and objects are handed on below: other numbers would be objects on the heap for that.

  /** Moves what is at `start` up to where it belongs. */
  #rise(start: number): void {
    const times = this.#times;
    const places = this.#places;
    const events = this.#events;
    const timeMs = times[start]!;
    const place = places[start]!;
    const event = events[start]!;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const parentMs = times[parent]!;
      if (parentMs < timeMs || (parentMs === timeMs && places[parent]! < place)) break;
      times[index] = parentMs;
      places[index] = places[parent]!;
      events[index] = events[parent]!;
      index = parent;
    }
    times[index] = timeMs;
    places[index] = place;
    events[index] = event;
  }

  /** Puts `event`, which was the last one, at the top, or where it belongs below. */
  #sink(event: SimEvent, last: number): void {
    const times = this.#times;
    const places = this.#places;
    const events = this.#events;
    const timeMs = times[last]!;
    const place = places[last]!;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#isAfter(child, child + 1)) child++;
      const childMs = times[child]!;
      if (childMs > timeMs || (childMs === timeMs && places[child]! > place)) break;
      times[index] = childMs;
      places[index] = places[child]!;
      events[index] = events[child]!;
      index = child;
    }
    times[index] = timeMs;
    places[index] = place;
    events[index] = event;
  }

  #isAfter(index: number, other: number): boolean {
    const timeMs = this.#times[index]!;
    const otherMs = this.#times[other]!;
    return timeMs === otherMs ? this.#places[index]! > this.#places[other]! : timeMs > otherMs;
  }
}
