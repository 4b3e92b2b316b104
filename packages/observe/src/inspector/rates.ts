import type { Stats } from '@pea2pea/core';

/** Traffic in a second. */
export interface Rates {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Counts, and how much they rise in a second, of one thing. */
const COUNTS = 4;
/** Room for so many things at first, and for half as many again whenever it is full. */
const FIRST_ROOM = 64;
/** Looking twice in so short a time says nothing. */
const SHORTEST_MS = 200;

/**
 * How much things that count did in a second, between the last two times that they were looked at.
 *
 * note: numbers are in columns, not in objects: an open page would cost three times the memory for each connection.
 */
export class RateMeter {
  readonly #placeOf = new Map<number, number>();
  readonly #free: number[] = [];
  #atMs = new Float64Array(FIRST_ROOM);
  #counts = new Float64Array(FIRST_ROOM * COUNTS);
  #rates = new Float32Array(FIRST_ROOM * COUNTS);
  #seenIn = new Uint32Array(FIRST_ROOM);
  #round = 0;

  /** To be called before things are looked at, and {@link forget} after. */
  begin(): void {
    this.#round++;
  }

  /** Looks at one. */
  look(id: number, stats: Stats, nowMs: number): void {
    const known = this.#placeOf.get(id);
    const place = known ?? this.#take(id);
    this.#seenIn[place] = this.#round;
    const elapsedMs = nowMs - this.#atMs[place]!;
    if (known !== undefined && elapsedMs < SHORTEST_MS) return;
    this.#atMs[place] = nowMs;
    const { messagesReceived, messagesSent, bytesReceived, bytesSent } = stats;
    this.#count(place, 0, messagesReceived, elapsedMs);
    this.#count(place, 1, messagesSent, elapsedMs);
    this.#count(place, 2, bytesReceived, elapsedMs);
    this.#count(place, 3, bytesSent, elapsedMs);
    if (known === undefined) this.#rates.fill(0, place * COUNTS, (place + 1) * COUNTS);
  }

  /** The rates of one, between the last two looks; zeros if there were not two. */
  of(id: number): Rates {
    const place = this.#placeOf.get(id);
    if (place === undefined) return { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
    const first = place * COUNTS;
    return {
      messagesIn: this.#rates[first]!,
      messagesOut: this.#rates[first + 1]!,
      bytesIn: this.#rates[first + 2]!,
      bytesOut: this.#rates[first + 3]!,
    };
  }

  /** What was not looked at since {@link begin} is gone. */
  forget(): void {
    for (const [id, place] of this.#placeOf) {
      if (this.#seenIn[place] === this.#round) continue;
      this.#placeOf.delete(id);
      this.#free.push(place);
    }
  }

  clear(): void {
    this.#placeOf.clear();
    this.#free.length = 0;
    this.#resize(FIRST_ROOM);
  }

  #count(place: number, which: number, count: number, elapsedMs: number): void {
    const at = place * COUNTS + which;
    this.#rates[at] = ((count - this.#counts[at]!) * 1_000) / elapsedMs;
    this.#counts[at] = count;
  }

  #take(id: number): number {
    const place = this.#free.pop() ?? this.#placeOf.size;
    if (place === this.#atMs.length) this.#resize(Math.ceil(place * 1.5));
    this.#placeOf.set(id, place);
    return place;
  }

  #resize(room: number): void {
    this.#atMs = resized(this.#atMs, new Float64Array(room));
    this.#counts = resized(this.#counts, new Float64Array(room * COUNTS));
    this.#rates = resized(this.#rates, new Float32Array(room * COUNTS));
    this.#seenIn = resized(this.#seenIn, new Uint32Array(room));
  }
}

function resized<T extends Float64Array | Float32Array | Uint32Array>(from: T, to: T): T {
  to.set(from.subarray(0, to.length));
  return to;
}
