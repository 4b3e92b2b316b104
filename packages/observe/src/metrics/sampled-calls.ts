import { tracingChannel } from 'node:diagnostics_channel';
import type { Clock, Timer } from '@pea2pea/core';
import { whenSettled } from '@pea2pea/core/authoring';

/** Calls that are timed in a window; of those that come after them in it, none is. */
const CALLS = 100;
const WINDOW_MS = 100;

/** The event of a call, as `traced` of the kernel makes it. */
interface TracedCall {
  readonly error?: unknown;
  /** What the call returned, where that was a promise. */
  readonly promise?: PromiseLike<unknown>;
}

/** What is sampled. */
export interface Sampling<Event> {
  /** The clock that times a call, from its event; undefined for calls that are not to be timed. */
  readonly clockOf: (event: Event) => Clock | undefined;
  /** Called when a call has ended, and what it returned has settled. */
  readonly told: (event: Event, seconds: number, hasFailed: boolean) => void;
}

/**
 * Times the calls that a tracing channel tells of: all as long as there are no more than a hundred in a tenth of a second, and the
 * first hundred otherwise.
 *
 * note: it unsubscribes for the rest of the tenth. A channel without a subscriber is free, so however many calls there are, timing
 * them costs the same.
 */
export class SampledCalls<Event extends object> {
  readonly #channel;
  readonly #sampling: Sampling<Event>;
  readonly #began = new WeakMap<object, number>();
  #left = CALLS;
  #windowMs = -Infinity;
  #rest: Timer | undefined;

  /** Begins at once. `name` is that of the tracing channel. */
  constructor(name: string, sampling: Sampling<Event>) {
    this.#channel = tracingChannel(name);
    this.#sampling = sampling;
    this.#channel.subscribe(this.#subscribers);
  }

  /** Times no more calls; those under way are told of. */
  end(): void {
    this.#rest?.cancel();
    this.#channel.unsubscribe(this.#subscribers);
  }

  readonly #start = (event: unknown): void => {
    const clock = this.#sampling.clockOf(event as Event);
    if (clock === undefined) return;
    const nowMs = clock.now();
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#left = CALLS;
    }
    if (this.#left === 0) return;
    this.#left--;
    this.#began.set(event as object, nowMs);
  };

  readonly #end = (event: unknown): void => {
    const startMs = this.#began.get(event as object);
    if (startMs === undefined) return;
    const clock = this.#sampling.clockOf(event as Event)!;
    const { promise } = event as TracedCall;
    const over = (hasFailed: boolean): void =>
      this.#sampling.told(event as Event, (clock.now() - startMs) / 1_000, hasFailed);
    if (promise === undefined) over('error' in (event as object));
    else {
      whenSettled(
        promise,
        () => over(false),
        () => over(true),
      );
    }
    // Not before the end of the last call: the channel would not tell of it.
    if (this.#left === 0) this.#pause(clock);
  };

  #pause(clock: Clock): void {
    if (this.#rest !== undefined) return;
    this.#channel.unsubscribe(this.#subscribers);
    this.#rest = clock.setTimeout(
      () => {
        this.#rest = undefined;
        this.#channel.subscribe(this.#subscribers);
      },
      WINDOW_MS,
      { keepsAlive: false },
    );
  }

  // The promise of a call tells of its end, so that there is nothing to be heard of calls that are not timed.
  readonly #subscribers = {
    start: this.#start,
    end: this.#end,
    asyncStart: undefined,
    asyncEnd: undefined,
    error: undefined,
  } as never;
}
