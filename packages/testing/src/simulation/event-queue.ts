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
    this.#rise(index, timeMs, place, event);
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
    // One after the other is moved to where it is at or before its old place, and rises from there.
    for (const index of live) {
      const [timeMs, place, event] = [times[index]!, places[index]!, events[index]!];
      this.#events.push(event);
      this.#rise(this.#events.length - 1, timeMs, place, event);
    }
    this.#cancelled = 0;
  }

  #removeFirst(): void {
    const last = this.#events.length - 1;
    const event = this.#events.pop()!;
    if (last > 0) this.#sink(this.#times[last]!, this.#places[last]!, event);
  }

  /** Puts an event at `start`, or where it belongs above. */
  #rise(start: number, timeMs: number, place: number, event: SimEvent): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isAfter(parent, timeMs, place)) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#put(index, timeMs, place, event);
  }

  /** Puts an event at the top, or where it belongs below. */
  #sink(timeMs: number, place: number, event: SimEvent): void {
    const [times, places] = [this.#times, this.#places];
    const { length } = this.#events;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#isAfter(child, times[child + 1]!, places[child + 1]!)) child++;
      if (this.#isAfter(child, timeMs, place)) break;
      this.#move(child, index);
      index = child;
    }
    this.#put(index, timeMs, place, event);
  }

  /** Whether what is at `index` comes after what happens then. */
  #isAfter(index: number, timeMs: number, place: number): boolean {
    const other = this.#times[index]!;
    return other === timeMs ? this.#places[index]! > place : other > timeMs;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#places[from]!, this.#events[from]!);
  }

  #put(index: number, timeMs: number, place: number, event: SimEvent): void {
    this.#times[index] = timeMs;
    this.#places[index] = place;
    this.#events[index] = event;
  }
}
