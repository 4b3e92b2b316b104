import type { Clock, Timer } from '@pea2pea/core';

const TICK_MS = 1_000;
/** A tick that is later than this was kept from coming. */
const TOLERANCE_MS = 250;

/**
 * Notices that this process stood still: it was stopped, or computed. What peers sent meanwhile waited in sockets, and comes
 * all at once afterwards, sometimes before any timer is called: whoever receives it asks {@link look} first.
 *
 * ```text
 *   tick   1 s   tick  ................ look  tick      sockets may be served first
 *                    |<---- lastMs ---->|
 * ```
 *
 * note: what is shorter than a tick may go unnoticed; a burst covers it.
 * note: it watches, and keeps no process alive.
 */
export class StandstillWatch {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #tickedAtMs = 0;
  /** When a tick that has not come is too late. */
  #lateAtMs = Infinity;
  /** How many there were. */
  count = 0;
  /** How long the last one was. */
  lastMs = 0;
  /** When the last one was over. */
  endedAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches as long as `isNeeded` at each tick. Harmless while it does. */
  start(isNeeded: () => boolean): void {
    if (this.#timer !== undefined) return;
    const tick = (): void => {
      this.look(this.#clock.now());
      this.stop();
      if (isNeeded()) this.start(isNeeded);
    };
    this.#hasTicked(this.#clock.now());
    this.#timer = this.#clock.setTimeout(tick, TICK_MS, { keepsAlive: false });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#lateAtMs = Infinity;
  }

  look(nowMs: number): void {
    if (nowMs < this.#lateAtMs) return;
    this.count++;
    this.lastMs = nowMs - this.#tickedAtMs;
    this.endedAtMs = nowMs;
    this.#hasTicked(nowMs);
  }

  #hasTicked(nowMs: number): void {
    this.#tickedAtMs = nowMs;
    this.#lateAtMs = nowMs + TICK_MS + TOLERANCE_MS;
  }
}
