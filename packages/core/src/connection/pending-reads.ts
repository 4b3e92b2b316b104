import { markHandled } from '../authoring/deferred.js';
import type { Clock, Timer } from '../contracts/clock.js';
import { NEED_MORE, type NeedMore } from '../contracts/codec.js';
import type { ChunkQueue } from '../mechanisms/byte-queue.js';

/** Reads that are served in one turn of the event loop, at most: a hook that reads in a loop may have many in a chunk. */
const READS_PER_TURN = 64;

/** A read that waits for its bytes. */
interface PendingRead {
  /** True when it was served from `received`. */
  attempt(received: ChunkQueue): boolean;
  reject(error: Error): void;
}

/** The reads of a handshake that wait for their bytes; they are served in order. INVARIANT: fair-turns. */
export class PendingReads {
  readonly #clock: Clock;
  /** Called in a later turn, where reads wait for it. */
  readonly #goOn: () => void;
  #pending: PendingRead[] = [];
  #served = 0;
  /** Reads wait for it. */
  #nextTurn: Timer | undefined;

  constructor(clock: Clock, goOn: () => void) {
    this.#clock = clock;
    this.#goOn = goOn;
  }

  /** How many wait. */
  get size(): number {
    return this.#pending.length;
  }

  /** Whether they wait for others to have their turn, not for bytes. */
  get haveYielded(): boolean {
    return this.#nextTurn !== undefined;
  }

  /** A promise for what `take` returns as soon as it is not NEED_MORE; to be served. */
  add<T>(take: (received: ChunkQueue) => T | NeedMore): Promise<T> {
    const taken = new Promise<T>((resolve, reject) => {
      const attempt = (received: ChunkQueue): boolean => {
        try {
          const value = take(received);
          if (value === NEED_MORE) return false;
          resolve(value);
        } catch (error) {
          reject(error);
        }
        return true;
      };
      this.#pending.push({ attempt, reject });
    });
    return markHandled(taken);
  }

  /** Serves those that have their bytes; returns how many. */
  serve(received: ChunkQueue): number {
    const before = this.#served;
    while (this.#nextTurn === undefined && this.#pending[0]?.attempt(received) === true) {
      this.#pending.shift();
      if (++this.#served % READS_PER_TURN === 0) this.#nextTurn = this.#clock.nextTurn(this.#onTurn);
    }
    return this.#served - before;
  }

  /** INVARIANT: every-promise-settles. */
  reject(error: Error): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const read of pending) read.reject(error);
  }

  /** There are no more turns. */
  stop(): void {
    this.#nextTurn?.cancel();
  }

  readonly #onTurn = (): void => {
    this.#nextTurn = undefined;
    if (this.#pending.length > 0) this.#goOn();
  };
}
