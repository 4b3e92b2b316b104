/** How many pieces of work are done for a connection in one turn of the event loop, and how long they may take together. */
const PIECES_PER_TURN = 64;
const MS_PER_TURN = 2;
/** A few may take longer, as first calls do: so the kernel has it with messages. */
const FEW_PIECES = 16;
const LONG_MS_PER_TURN = 20;

/**
 * What one connection has of a turn of the event loop, for work that comes in one message or waited for the same slot.
 * INVARIANT: fair-turns.
 */
export class TurnShare {
  #pieces = 0;
  #workedMs = 0;

  /** Whether the rest has to wait for the next turn, in which there is another share. */
  get isSpent(): boolean {
    if (this.#pieces >= PIECES_PER_TURN) return true;
    return this.#workedMs >= (this.#pieces < FEW_PIECES ? LONG_MS_PER_TURN : MS_PER_TURN);
  }

  /** A piece of work is done. */
  add(durationMs: number): void {
    this.#pieces++;
    this.#workedMs += durationMs;
  }
}
