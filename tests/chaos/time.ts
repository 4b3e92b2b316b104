import { systemClock, type Clock } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import type { Dice } from './dice.js';
import type { Place } from './ground.js';

/** A signal that has aborted, or will soon. */
export function abortingSignal(clock: Clock, dice: Dice): AbortSignal {
  const abort = new AbortController();
  if (dice.chance(0.2)) abort.abort();
  else clock.setTimeout(() => abort.abort(), dice.integer(0, 60));
  return abort.signal;
}

/** What makes time pass in a run. */
export interface ChaosTime {
  readonly clock: Clock;
  /** How late the event loop is; the workers slow down by it. */
  readonly lagMs: number;
  /** How much later than promised something may happen without anybody being to blame. */
  readonly toleranceMs: number;
  /** How long the event loop has stood still on purpose, all together. */
  readonly stalledMs: number;
  /** Has the event loop stand still for so long, as a handler that computes does. */
  stall(durationMs: number): void;
  /** Whether what was written at `writtenMs` has to be in the socket of the other side at `nowMs`. */
  mustHaveArrived(writtenMs: number, nowMs: number): boolean;
  /** Lets time pass until `work` settles, and settles like it. */
  drive<T>(work: Promise<T>): Promise<T>;
}

const BEAT_MS = 20;
/** The system of a busy machine may take so long from one socket to another. */
const DELIVERY_MS = 50;

/** Time as the system tells it. */
export class RealTime implements ChaosTime {
  readonly clock = systemClock;
  readonly toleranceMs = 3_000;
  stalledMs = 0;
  #lagMs = 0;

  get lagMs(): number {
    return this.#lagMs;
  }

  stall(durationMs: number): void {
    this.stalledMs += durationMs;
    const endMs = this.clock.now() + durationMs;
    while (this.clock.now() < endMs);
  }

  mustHaveArrived(writtenMs: number, nowMs: number): boolean {
    return nowMs - writtenMs >= DELIVERY_MS;
  }

  async drive<T>(work: Promise<T>): Promise<T> {
    let lastMs = this.clock.now();
    // Measures the lag, and keeps the process alive: the timers of the clock do not.
    const heartbeat = setInterval(() => {
      const nowMs = this.clock.now();
      this.#lagMs = Math.max(0, nowMs - lastMs - BEAT_MS);
      lastMs = nowMs;
    }, BEAT_MS);
    try {
      return await work;
    } finally {
      clearInterval(heartbeat);
    }
  }
}

/**
 * Time that moves only when nobody has anything left to do. One turn of the event loop empties the queues
 * of ticks and microtasks, which is all that a memory transport runs on; so a run follows from its seed alone.
 */
export class VirtualTime implements ChaosTime {
  readonly clock = new ControlledClock();
  readonly lagMs = 0;
  readonly toleranceMs = 5;
  stalledMs = 0;
  #stallMs = 0;

  /** Time does not move in the middle of a turn: it jumps at the end of it, over everything that falls due meanwhile. */
  stall(durationMs: number): void {
    this.#stallMs += durationMs;
  }

  /** What falls due within a jump of time happens at the end of it, where everybody has to hear it. */
  mustHaveArrived(): boolean {
    return true;
  }

  async drive<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (settled) return work;
      const jumpMs = 1 + this.#stallMs;
      this.stalledMs += this.#stallMs;
      this.#stallMs = 0;
      this.clock.advance(jumpMs);
    }
  }
}

/** Resolves `delayMs` later. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, delayMs));
}

/** How often it is looked whether something came true. */
const LOOK_MS = 5;

/** Whether `condition` held before `timeoutMs` were over. Looks again every so often. */
export async function cameTrue(clock: Clock, timeoutMs: number, condition: () => boolean): Promise<boolean> {
  const endMs = clock.now() + timeoutMs;
  while (!condition()) {
    if (clock.now() >= endMs) return false;
    await pause(clock, LOOK_MS);
  }
  return true;
}

/** As {@link cameTrue}, where `place` has to be awake for so long. Of one that is gone everything may be believed. */
export async function cameTrueFor(
  place: Pick<Place, 'isAwake' | 'isGone'>,
  clock: Clock,
  timeoutMs: number,
  condition: () => boolean,
): Promise<boolean> {
  for (let leftMs = timeoutMs; !condition() && !place.isGone;) {
    if (leftMs <= 0) return false;
    await pause(clock, LOOK_MS);
    if (place.isAwake) leftMs -= LOOK_MS;
  }
  return true;
}
