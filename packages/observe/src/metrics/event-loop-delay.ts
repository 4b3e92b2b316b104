import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { systemClock } from '@pea2pea/core';

const RESOLUTION_MS = 20;
const NS_PER_S = 1e9;
/** How far back a reading looks, at least. */
const WINDOW_MS = 10_000;

/** The metric, as `METRICS` have theirs. It is of the process, not of a node. */
export const EVENT_LOOP_DELAY = {
  name: 'event_loop_delay_seconds',
  instrument: 'nodejs.eventloop.delay.max',
  unit: 's',
  help: 'the longest delay of the event loop in the last ten seconds, or since the scrape before the last',
} as const;

/**
 * The longest delay of the event loop, of the last ten seconds and more.
 *
 * note: a monitor that was reset sees nothing until its second tick, so one that computes right after a reading would go unseen: of two
 * monitors, one is reset at a time. And who reads does not take it from another who reads.
 */
export class EventLoopDelay {
  #older: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #newer: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #resetAt = systemClock.now();

  constructor() {
    this.#older.enable();
    this.#newer.enable();
  }

  /** In seconds: since the reading before the last one, or since ten seconds ago where that is longer. */
  read(): number {
    const longest = Math.max(this.#older.max, this.#newer.max) / NS_PER_S;
    const now = systemClock.now();
    if (now - this.#resetAt >= WINDOW_MS) {
      this.#resetAt = now;
      this.#older.reset();
      [this.#older, this.#newer] = [this.#newer, this.#older];
    }
    return longest;
  }

  /** Measures no more. */
  end(): void {
    this.#older.disable();
    this.#newer.disable();
  }
}
