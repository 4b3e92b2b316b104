import { testingError } from '../errors.js';
import { EventQueue, SimEvent, type Order } from './event-queue.js';

/** How a run came to its end: `isOver` said so, the time was over, or nothing was left to happen. */
export type Outcome = 'over' | 'time' | 'nothing';

/** The real one: a runner may replace the global one while a test runs. */
const { setImmediate } = globalThis;
/** Immediates that are asked for at once: one round of the event loop for each event would cost more than most events. */
const BATCH = 64;

/**
 * Virtual time. It moves from event to event, and only when nobody has anything left to do.
 *
 * ```text
 *   immediate: event -> ticks and microtasks, until there are none -> immediate: next event -> ...
 * ```
 *
 * Whatever a step sets going comes back in one of three ways: as an event, through a clock or a network of the simulation;
 * as a tick (`process.nextTick`, most of the streams of Node); or as a microtask (promises). Between two immediates Node
 * empties the queues of ticks and microtasks, each time until both are empty, whatever they add to each other. So an immediate for
 * each event is the whole criterion of quiet: it depends on no real time, and the same events come in the same order in
 * every run.
 */
export class Timeline {
  readonly #queue = new EventQueue();
  #nowMs = 0;
  #running = false;
  #steps = 0;

  /** Milliseconds of virtual time since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have happened. */
  get steps(): number {
    return this.#steps;
  }

  /** Events that are to happen. */
  get pending(): number {
    return this.#queue.size;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  /** Has `run` called at `timeMs`; now, where that is past. */
  at(timeMs: number, order: Order, run: () => void): SimEvent {
    const event = new Call(run);
    this.add(event, timeMs, order);
    return event;
  }

  /** Has `event`, which waits nowhere, happen at `timeMs`; now, where that is past. */
  add(event: SimEvent, timeMs: number, order: Order): void {
    this.#queue.add(event, timeMs > this.#nowMs ? timeMs : this.#nowMs, order);
  }

  /** Harmless twice, and after the event has happened. */
  cancel(event: SimEvent): void {
    this.#queue.cancel(event);
  }

  /** All that will happen, in the order in which it was added, for each {@link Order}. */
  all(): readonly SimEvent[] {
    return this.#queue.all();
  }

  /**
   * Has events happen, up to and including those at `endMs`. `isOver` is asked before each one and after the last,
   * when all is quiet.
   *
   * @throws what an event or `isOver` throws.
   */
  run(endMs: number, isOver: () => boolean): Promise<Outcome> {
    if (this.#running) return Promise.reject(testingError('P2P_ERR_WORLD_RUNS', 'the world runs already'));
    this.#running = true;
    return new Promise((resolve, reject) => {
      let left = 0;
      const finish = (settle: () => void): void => {
        this.#running = false;
        settle();
      };
      let isFinished = false;
      const step = (): void => {
        if (isFinished) return; // of a batch that was not needed to its end
        left--;
        try {
          const outcome = this.#step(endMs, isOver);
          if (outcome !== undefined) {
            isFinished = true;
            finish(() => resolve(outcome));
            return;
          }
        } catch (error) {
          isFinished = true;
          finish(() => reject(error));
          return;
        }
        if (left === 0) ask();
      };
      const ask = (): void => {
        left = BATCH;
        for (let index = 0; index < BATCH; index++) setImmediate(step);
      };
      ask();
    });
  }

  #step(endMs: number, isOver: () => boolean): Outcome | undefined {
    if (isOver()) return 'over';
    const nextMs = this.#queue.nextMs();
    if (nextMs === undefined || nextMs > endMs) {
      this.#nowMs = Math.max(this.#nowMs, nextMs === undefined && endMs === Infinity ? this.#nowMs : endMs);
      return nextMs === undefined ? 'nothing' : 'time';
    }
    this.#nowMs = nextMs;
    this.#steps++;
    this.#queue.take().happen();
    return undefined;
  }
}

class Call extends SimEvent {
  readonly #run: () => void;

  constructor(run: () => void) {
    super();
    this.#run = run;
  }

  override happen(): void {
    this.#run();
  }
}
