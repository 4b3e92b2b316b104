import type { Clock, Timer } from '@pea2pea/core';

/** What Node takes for a delay that is too short or too long. */
const SHORTEST_MS = 1;
const LONGEST_MS = 2 ** 31 - 1;

/** A timer of `setTimeout` or `setInterval` on the clock of a host, with all that one of Node has. */
export class HostTimeout {
  static readonly #byNumber = new Map<number, HostTimeout>();
  static #lastNumber = 0;

  readonly #clock: Clock;
  readonly #callback: () => void;
  readonly #delayMs: number;
  readonly #repeats: boolean;
  #number: number | undefined;
  #timer: Timer | undefined;
  #hasRef = true;

  constructor(clock: Clock, callback: () => void, delayMs: number | undefined, repeats: boolean) {
    const isUsual = delayMs !== undefined && delayMs >= SHORTEST_MS && delayMs <= LONGEST_MS;
    this.#clock = clock;
    this.#callback = callback;
    this.#delayMs = isUsual ? Math.trunc(delayMs) : SHORTEST_MS;
    this.#repeats = repeats;
    this.#start();
  }

  /** The timer that `clearTimeout` is given: one of these, its number, or neither. */
  static of(handle: unknown): HostTimeout | undefined {
    if (handle instanceof HostTimeout) return handle;
    return HostTimeout.#byNumber.get(Number(typeof handle === 'object' ? NaN : handle));
  }

  ref(): this {
    this.#hasRef = true;
    return this;
  }

  /** Says that nobody waits for it. Virtual time passes anyway. */
  unref(): this {
    this.#hasRef = false;
    return this;
  }

  hasRef(): boolean {
    return this.#hasRef;
  }

  refresh(): this {
    this.#timer?.cancel();
    this.#start();
    return this;
  }

  close(): this {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#number !== undefined) HostTimeout.#byNumber.delete(this.#number);
    return this;
  }

  [Symbol.toPrimitive](): number {
    if (this.#number === undefined) {
      // Far from the numbers of Node, which is asked about all others.
      this.#number = 2 ** 52 + ++HostTimeout.#lastNumber;
      HostTimeout.#byNumber.set(this.#number, this);
    }
    return this.#number;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #start(): void {
    this.#timer = this.#clock.setTimeout(() => {
      if (this.#repeats) this.#start();
      else this.close();
      this.#callback();
    }, this.#delayMs);
  }
}

/** A turn of `setImmediate` on the clock of a host. */
export class HostImmediate {
  readonly #timer: Timer;
  #hasRef = true;

  constructor(clock: Clock, callback: () => void) {
    this.#timer = clock.nextTurn(callback);
  }

  ref(): this {
    this.#hasRef = true;
    return this;
  }

  unref(): this {
    this.#hasRef = false;
    return this;
  }

  hasRef(): boolean {
    return this.#hasRef;
  }

  close(): void {
    this.#timer.cancel();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
