import type { Clock, Timer } from '@pea2pea/core';
import { ORDER, SimEvent } from './event-queue.js';
import { Alarm, type HostClock } from './host-clock.js';
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

class ProcessTimer extends Alarm implements Timer {
  readonly #incarnation: Incarnation;
  #callback: (() => void) | undefined;

  constructor(hardware: HostClock, incarnation: Incarnation, callback: () => void, delayMs: number) {
    super(hardware, hardware.now() + Math.max(delayMs, 0));
    this.#incarnation = incarnation;
    this.#callback = callback;
    if (incarnation.isAlive) hardware.set(this);
  }

  override happen(): void {
    this.clock.forget(this);
    this.#incarnation.call(callBack, this);
  }

  /** The process may hear of it later than it was due, and may have cancelled it until then. */
  callBack(): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }

  cancel(): void {
    this.#callback = undefined;
    this.clock.forget(this);
  }
}

class ProcessTurn extends SimEvent implements Timer {
  readonly #timeline: Timeline;
  readonly #incarnation: Incarnation;
  #callback: (() => void) | undefined;

  constructor(timeline: Timeline, incarnation: Incarnation, callback: () => void) {
    super();
    this.#timeline = timeline;
    this.#incarnation = incarnation;
    this.#callback = callback;
    timeline.add(this, timeline.nowMs + TURN_MS, ORDER.turns);
  }

  override happen(): void {
    this.#incarnation.call(callBack, this);
  }

  callBack(): void {
    this.#callback?.();
  }

  cancel(): void {
    this.#callback = undefined;
    this.#timeline.cancel(this);
  }
}

function callBack(timer: ProcessTimer | ProcessTurn): void {
  timer.callBack();
}
