import { callApart } from '../authoring/call-apart.js';
import { isPromise, whenSettled } from '../authoring/thenable.js';
import type { Clock, Timer } from '../contracts/clock.js';
import type { Connection } from '../contracts/connection.js';
import type { HandlerTime } from '../contracts/inside.js';

/** Handlers that are timed in a window; of those that come after them in it, none is. */
const MOST = 100;
const WINDOW_MS = 100;

/**
 * Times the `onMessage` of a node for those who ask: all as long as there are no more than a hundred in a tenth of a second, and the
 * first hundred otherwise, so that it costs the same however many messages come.
 *
 * note: not a tracing channel that is subscribed to for a while: that changes the prototype of the channel, for which V8 throws away
 * the compiled code that asks it. Ten times a second it cost 7 % of six million messages a second.
 */
export class HandlerTimes {
  /** How many of the next handlers are timed: all that is read for a message that is not. */
  left = 0;
  readonly #clock: Clock;
  readonly #listeners = new Set<(time: HandlerTime) => void>();
  #windowMs = -Infinity;
  #refill: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Has `told` called for each handler that is timed; returns what ends that. */
  listen(told: (time: HandlerTime) => void): () => void {
    const listener = (time: HandlerTime): void => told(time);
    this.#listeners.add(listener);
    this.left = MOST;
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.left = 0;
      this.#refill?.cancel();
      this.#refill = undefined;
    };
  }

  /**
   * Calls a handler of `connection` while {@link left} is above 0.
   *
   * @returns what it returned; for a thenable a promise, as who calls `then` a second time may start the work anew
   * @throws what it throws
   */
  time(connection: Connection, call: () => unknown): unknown {
    const startMs = this.#clock.now();
    this.#take(startMs);
    const over = (): number => this.#clock.now() - startMs;
    let result: unknown;
    try {
      result = call();
    } catch (error) {
      this.#tell({ connection, ms: over(), error });
      throw error;
    }
    if (!isPromise(result)) {
      this.#tell({ connection, ms: over() });
      return result;
    }
    const promise = Promise.resolve(result);
    whenSettled(
      promise,
      () => this.#tell({ connection, ms: over() }),
      (error) => this.#tell({ connection, ms: over(), error }),
    );
    return promise;
  }

  #take(nowMs: number): void {
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.left = MOST;
    }
    this.left--;
    if (this.left > 0) return;
    this.#refill ??= this.#clock.setTimeout(
      () => {
        this.#refill = undefined;
        if (this.#listeners.size > 0) this.left = MOST;
      },
      WINDOW_MS,
      { keepsAlive: false },
    );
  }

  /** One that throws is at fault itself, not the handler. */
  #tell(time: HandlerTime): void {
    for (const told of this.#listeners) callApart(() => told(time));
  }
}
