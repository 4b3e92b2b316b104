import type { Clock, Timer } from '../contracts/clock.js';

/** How long connections with much to do may work in one turn of the event loop, all together. */
const TURN_MS = 2;
/** What each of them may work in any case, however many there are. */
const SHORTEST_SLICE_MS = 0.1;
/** A few messages may take longer, as first calls do, unless the turn is that long already. */
const FEW_UNITS = 16;
const LONG_TURN_MS = 20;
/** From here on a burst of work is long enough for the end of the turn to be waited for. */
const BURST_MS = 0.25;
/** Bursts that begin so close to each other may be of one turn. */
const CLOSE_MS = 1;
/** What a connection may do in one turn, however fast it is. */
const MOST_UNITS = 32 * 1024;
/** As {@link BURST_MS}, for units that take next to no time. */
const BURST_UNITS = 8 * 1024;
/** Units of work after which the clock is asked again, at most: those that come may cost more than those that went. */
const UNITS_PER_CHECK = 32;

/** Something that has more to do, and goes on in the next turn. */
export interface TurnTaker {
  takeTurn(): void;
}

/**
 * Has the connections of a node take turns, so that none keeps the others from being heard for long.
 *
 * ```text
 *   turn of the event loop:   sockets ------------------> marker
 *                             each works for its slice     those with work left go on, each for its slice
 * ```
 *
 * JavaScript does not tell when a turn ends. So a connection that works for longer than a moment asks for a marker:
 * one callback for all of them, once the sockets have had their turn. Where nobody works that long there is none.
 * INVARIANT: fair-turns.
 */
export class FairTurns {
  readonly #clock: Clock;
  #marker: Timer | undefined;
  #markedAtMs = 0;
  #burstAtMs = -Infinity;
  /** How many went on in the last turn: among so many the time of a turn is divided. */
  #crowd = 1;
  #waiting: TurnTaker[] = [];
  #stopped = false;
  /** The number of the turn, as far as turns are marked. */
  turn = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the end of this turn will be noticed. */
  get isMarked(): boolean {
    return this.#marker !== undefined;
  }

  /** The time in milliseconds, by the clock of the node. */
  now(): number {
    return this.#clock.now();
  }

  /** Whether the time of this turn is used up: each unit of those that still work is looked at. */
  isLong(nowMs: number): boolean {
    return this.#marker !== undefined && nowMs - this.#markedAtMs >= TURN_MS;
  }

  /**
   * Somebody begins to work, in a turn without a marker. What begins soon after a burst, of whomever, has the end of the
   * turn noticed: so many short bursts ask for few markers, and do not make a long turn together.
   */
  begin(nowMs: number): void {
    const sinceMs = nowMs - this.#burstAtMs;
    if (sinceMs < BURST_MS) return;
    this.#burstAtMs = nowMs;
    if (sinceMs < CLOSE_MS) this.mark(nowMs);
  }

  /** Has the end of this turn noticed, which began by `sinceMs`. */
  mark(sinceMs: number): void {
    if (this.#marker !== undefined || this.#stopped) return;
    this.#markedAtMs = sinceMs;
    this.#marker = this.#clock.nextTurn(this.#onTurn);
  }

  /** Calls `taker` in the next turn. */
  wait(taker: TurnTaker): void {
    this.#waiting.push(taker);
    this.mark(this.#clock.now());
  }

  /** The node has closed: nobody goes on. INVARIANT: nothing-left. */
  stop(): void {
    this.#stopped = true;
    this.#marker?.cancel();
    this.#marker = undefined;
    this.#waiting = [];
  }

  /** How long a connection may work in this turn, which is marked, for so many units. */
  sliceMs(nowMs: number, units: number): number {
    const turnMs = nowMs - this.#markedAtMs;
    if (units < FEW_UNITS && turnMs < LONG_TURN_MS) return LONG_TURN_MS;
    return turnMs >= TURN_MS ? SHORTEST_SLICE_MS : Math.max(TURN_MS / this.#crowd, SHORTEST_SLICE_MS);
  }

  readonly #onTurn = (): void => {
    this.#marker = undefined;
    this.turn++;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#crowd = Math.max(waiting.length, 1);
    for (const taker of waiting) taker.takeTurn();
  };
}

/** What one connection has worked in the present turn. Its units are counted by whoever works, over all turns. */
export class Slice {
  readonly #turns: FairTurns;
  #turn = -1;
  #startMs = 0;
  #startCount = 0;
  /** From this count on {@link isSpent} is to be asked. A field, as it is looked at once a message. */
  checkAt = 0;

  constructor(turns: FairTurns) {
    this.#turns = turns;
  }

  /**
   * Work begins after `count` units, or goes on in a turn in which there was some before.
   *
   * note: a turn without a marker has no end that can be noticed. What begins within a short burst counts as part of it.
   */
  begin(count: number): void {
    const turns = this.#turns;
    const isSameTurn = this.#turn === turns.turn;
    if (isSameTurn && turns.isMarked) return;
    const now = turns.now();
    turns.begin(now);
    if (isSameTurn && now - this.#startMs < BURST_MS) return;
    this.#turn = turns.turn;
    this.#startMs = now;
    this.#startCount = count;
    this.checkAt = count + 1;
  }

  /** As {@link begin}, for work that may go on in microtasks: only a marker tells the end of such a turn. */
  beginMarked(count: number): void {
    this.begin(count);
    if (!this.#turns.isMarked) this.#turns.mark(this.#startMs);
  }

  /** Whether the rest has to wait for the next turn. */
  isSpent(count: number): boolean {
    const now = this.#turns.now();
    const elapsedMs = now - this.#startMs;
    const units = count - this.#startCount;
    const isLong = this.#turns.isLong(now);
    this.checkAt = count + (isLong ? 1 : Math.min(units, UNITS_PER_CHECK));
    // Where others have made the turn long, short bursts of many would make it longer still.
    if (!isLong && elapsedMs < BURST_MS && units < BURST_UNITS) return false;
    this.#turns.mark(this.#startMs);
    return units >= MOST_UNITS || elapsedMs >= this.#turns.sliceMs(now, units);
  }
}
