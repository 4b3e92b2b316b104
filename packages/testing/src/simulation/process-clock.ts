import type { Clock, Timer } from '@pea2pea/core';
import { ORDER, type SimEvent } from './event-queue.js';
import type { Alarm, HostClock } from './host-clock.js';
import type { Incarnation } from './incarnation.js';
import type { Timeline } from './timeline.js';

/** What a turn of the event loop takes: nobody who goes on turn after turn can keep time from passing. */
const TURN_MS = 0.01;

/** The clock of a host, as one process of it has it. A process that is dead has no timers. */
export class ProcessClock implements Clock {
  readonly #timeline: Timeline;
  readonly #hardware: HostClock;
  readonly #incarnation: Incarnation;

  constructor(timeline: Timeline, hardware: HostClock, incarnation: Incarnation) {
    this.#timeline = timeline;
    this.#hardware = hardware;
    this.#incarnation = incarnation;
  }

  now(): number {
    return this.#hardware.now();
  }

  date(): number {
    return this.#hardware.date();
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    return new ProcessTimer(this.#hardware, this.#incarnation, callback, delayMs);
  }

  /** All that arrives at this instant comes before it. */
  nextTurn(callback: () => void): Timer {
    return new ProcessTurn(this.#timeline, this.#incarnation, callback);
  }
}

class ProcessTimer implements Timer, Alarm {
  readonly #hardware: HostClock;
  readonly #incarnation: Incarnation;
  #callback: (() => void) | undefined;
  readonly dueMs: number;
  event: SimEvent | undefined;

  constructor(hardware: HostClock, incarnation: Incarnation, callback: () => void, delayMs: number) {
    this.#hardware = hardware;
    this.#incarnation = incarnation;
    this.#callback = callback;
    this.dueMs = hardware.now() + Math.max(delayMs, 0);
    if (incarnation.isAlive) hardware.schedule(this);
  }

  readonly onDue = (): void => {
    this.#hardware.forget(this);
    this.#incarnation.call(this.#run);
  };

  /** The process may hear of it later than it was due, and may have cancelled it until then. */
  readonly #run = (): void => {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  };

  cancel(): void {
    this.#callback = undefined;
    this.#hardware.forget(this);
  }
}

class ProcessTurn implements Timer {
  readonly #timeline: Timeline;
  readonly #event: SimEvent;
  #callback: (() => void) | undefined;

  constructor(timeline: Timeline, incarnation: Incarnation, callback: () => void) {
    this.#timeline = timeline;
    this.#callback = callback;
    this.#event = timeline.at(timeline.nowMs + TURN_MS, ORDER.turns, () => incarnation.call(this.#run));
  }

  readonly #run = (): void => this.#callback?.();

  cancel(): void {
    this.#callback = undefined;
    this.#timeline.cancel(this.#event);
  }
}
