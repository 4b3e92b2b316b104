import type { Clock } from '../contracts/clock.js';
import { PeerError } from '../errors/errors.js';
import type { Logger } from '../contracts/logger.js';
import { Deadline } from './deadline.js';
import { overdue } from './overdue.js';
import { isPromise } from '../authoring/thenable.js';

/** Something with a beginning and an end. */
export interface Living {
  /** Runs when the node starts; a promise is waited for. */
  onStart?(): unknown;
  /** Runs when the node closes; a promise is waited for, within the deadline. */
  onStop?(): unknown;
}

/** What of `onStop` did not end as it should; empty lists when all went well. */
export interface StopReport {
  /** What was thrown; each was logged, too. */
  readonly errors: readonly unknown[];
  /** Those that had not settled in time: `Reconnect.onStop()`. */
  readonly cut: readonly string[];
}

interface Stop {
  readonly name: string;
  readonly call: () => unknown;
}

/** What `onStart` began, to be ended by `onStop` in the reverse order. */
export class Life {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #startTimeoutMs: number;
  /** `onStop` of what was started, in the order of starting. */
  readonly #stops: Stop[] = [];
  #isOver = false;

  constructor(clock: Clock, logger: Logger, startTimeoutMs: number) {
    this.#clock = clock;
    this.#logger = logger;
    this.#startTimeoutMs = startTimeoutMs;
  }

  /**
   * Runs `onStart` of each, one after the other; the first begins in this very turn. Each that has started, or has
   * nothing to start, is stopped by {@link stop}.
   *
   * note: one that succeeds after it was given up is stopped then.
   * @returns undefined where there is nothing to wait for
   * @throws {PeerError} P2P_ERR_START_TIMEOUT when one takes too long; P2P_ERR_SHUTTING_DOWN when it is stopped meanwhile
   * @throws what one of them throws
   */
  start(list: readonly Living[]): Promise<void> | undefined {
    const living = list.filter((each) => each.onStart !== undefined || each.onStop !== undefined);
    return living.length === 0 ? undefined : this.#startAll(living);
  }

  /**
   * Runs `onStop` of all that was started, once. `timeoutMs` bounds all of them together: when it has passed, those not
   * yet called are called, and nothing is awaited. The first begins in this very turn.
   * @returns undefined where there is nothing to wait for
   */
  stop(timeoutMs: number): Promise<StopReport> | undefined {
    this.#isOver = true;
    const stops = this.#stops.splice(0).reverse();
    return stops.length === 0 ? undefined : this.#stopAll(stops, timeoutMs);
  }

  async #startAll(list: readonly Living[]): Promise<void> {
    for (const living of list) {
      if (this.#isOver) throw overSoon();
      const stop: Stop | undefined =
        living.onStop === undefined
          ? undefined
          : { name: nameOf(living, 'onStop'), call: () => living.onStop!() };
      if (living.onStart !== undefined) await this.#begin(living, stop);
      if (this.#isOver) {
        if (stop !== undefined) void this.#call(stop);
        throw overSoon();
      }
      if (stop !== undefined) this.#stops.push(stop);
    }
  }

  #begin(living: Living, stop: Stop | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = overdue(this.#clock, this.#startTimeoutMs, () => {
        isLate = true;
        const what = `${nameOf(living, 'onStart')} has not settled in ${this.#startTimeoutMs} ms`;
        reject(new PeerError('P2P_ERR_START_TIMEOUT', what));
      });
      new Promise((settle) => settle(living.onStart!())).then(
        () => {
          timer.cancel();
          if (isLate && stop !== undefined) void this.#call(stop);
          resolve();
        },
        (error: Error) => {
          timer.cancel();
          if (isLate) this.#logger.error({ err: error }, 'onStart failed after it was abandoned');
          reject(error);
        },
      );
    });
  }

  async #stopAll(stops: readonly Stop[], timeoutMs: number): Promise<StopReport> {
    const deadline = new Deadline(this.#clock, timeoutMs);
    const errors: unknown[] = [];
    const cut: string[] = [];
    for (const stop of stops) {
      const stopping = this.#call(stop, errors);
      if (stopping === undefined || (await deadline.wait(stopping))) continue;
      cut.push(stop.name);
      this.#logger.error({ hook: stop.name, timeoutMs }, 'onStop took too long and was abandoned');
    }
    deadline.cancel();
    return { errors, cut };
  }

  /** Undefined where there is nothing to wait for. */
  #call({ name, call }: Stop, errors?: unknown[]): Promise<unknown> | undefined {
    const failed = (error: unknown): void => {
      errors?.push(error);
      this.#logger.error({ hook: name, err: error }, 'onStop failed');
    };
    try {
      const stopping = call();
      return isPromise(stopping) ? Promise.resolve(stopping).then(undefined, failed) : undefined;
    } catch (error) {
      failed(error);
      return undefined;
    }
  }
}

function overSoon(): PeerError {
  return new PeerError('P2P_ERR_SHUTTING_DOWN', 'it was stopped while it started');
}

/** `Reconnect.onStart()`; without a class, the name of the function. */
function nameOf(living: Living, hook: 'onStart' | 'onStop'): string {
  const { name } = Reflect.get(living, hook) as { readonly name: string };
  const { constructor } = living;
  return constructor === Object ? `${name}()` : `${constructor.name}.${name}()`;
}
