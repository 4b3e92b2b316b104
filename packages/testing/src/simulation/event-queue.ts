/** Which comes first of what happens at one instant: as in a turn of the event loop of Node. */
export const ORDER = { timers: 0, network: 1, turns: 2 } as const;

/** A place in {@link ORDER}. */
export type Order = (typeof ORDER)[keyof typeof ORDER];

/** Something that will happen. */
export interface SimEvent {
  readonly timeMs: number;
  readonly order: Order;
  /** Events of one instant and order happen as they were added. */
  readonly serial: number;
  /** Undefined once it has happened or will not happen. */
  run: (() => void) | undefined;
}

/** Cancelled events stay in the heap until they are half of it, and there are as many as this. */
const FEW = 1_024;

/** What will happen, the next first: a binary heap. */
export class EventQueue {
  #heap: SimEvent[] = [];
  #serial = 0;
  #cancelled = 0;

  /** How many events there are. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  add(timeMs: number, order: Order, run: () => void): SimEvent {
    const event: SimEvent = { timeMs, order, serial: this.#serial++, run };
    this.#heap.push(event);
    this.#rise(this.#heap.length - 1);
    return event;
  }

  /** Harmless twice, and after the event has happened. */
  cancel(event: SimEvent): void {
    if (event.run === undefined) return;
    event.run = undefined;
    this.#cancelled++;
    if (this.#cancelled > FEW && this.#cancelled > this.#heap.length / 2) this.#compact();
  }

  /** The next event, which stays. */
  peek(): SimEvent | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.run === undefined) {
      this.#removeFirst();
      this.#cancelled--;
    }
    return this.#heap[0];
  }

  /** What the next event, which is removed, does. */
  take(): (() => void) | undefined {
    const event = this.peek();
    if (event === undefined) return undefined;
    this.#removeFirst();
    const { run } = event;
    event.run = undefined;
    return run;
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #compact(): void {
    this.#heap = this.#heap.filter(({ run }) => run !== undefined).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  #rise(start: number): void {
    const heap = this.#heap;
    const event = heap[start]!;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const event = heap[start]!;
    let index = start;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, event)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = event;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  if (a.timeMs !== b.timeMs) return a.timeMs < b.timeMs;
  return a.order === b.order ? a.serial < b.serial : a.order < b.order;
}
