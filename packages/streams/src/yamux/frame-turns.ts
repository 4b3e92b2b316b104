import type { Clock, Timer } from '@pea2pea/core';
import { FrameReader, type FrameHandler } from './frame-reader.js';

/**
 * Frames that are handled in one turn of the event loop, at most: each takes its time, however short it is, and a megabyte
 * has room for ninety thousand.
 */
const FRAMES_PER_TURN = 64;

/**
 * Takes a stream of bytes apart, as {@link FrameReader}, over as many turns of the event loop as its frames take: who
 * sends many small ones does not keep others from being heard. INVARIANT: fair-turns.
 *
 * ```text
 *   feed(chunk) -> 64 frames, the rest waits -> onTurn(): feedRest() -> 64 frames, the rest waits -> ...
 * ```
 */
export class FrameTurns {
  readonly #reader: FrameReader;
  readonly #clock: Clock;
  readonly #onTurn: () => void;
  #rest: Buffer | undefined;
  #nextTurn: Timer | undefined;
  #stopped = false;

  /** `onTurn`: called in the next turn, for {@link feedRest}, where a chunk has more frames than one turn has room for. */
  constructor(handler: FrameHandler, clock: Clock, onTurn: () => void) {
    this.#reader = new FrameReader(handler);
    this.#clock = clock;
    this.#onTurn = onTurn;
  }

  /** Whether a frame has begun and not ended. */
  get inFrame(): boolean {
    return this.#reader.inFrame;
  }

  /** Whether a chunk has more: it must be the last one until it has not. */
  get isWaiting(): boolean {
    return this.#rest !== undefined;
  }

  /**
   * Takes the next bytes.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME, and what the handler throws.
   */
  feed(chunk: Buffer): void {
    const taken = this.#reader.feed(chunk, FRAMES_PER_TURN);
    if (taken === chunk.length || this.#stopped) return;
    this.#rest = chunk.subarray(taken);
    this.goOn();
  }

  /** Has what waits taken in a later turn, if anything does: for an `onTurn` that did not take it. */
  goOn(): void {
    if (this.#rest === undefined) return;
    this.#nextTurn ??= this.#clock.nextTurn(() => {
      this.#nextTurn = undefined;
      this.#onTurn();
    });
  }

  /** As {@link feed}, with what waits. */
  feedRest(): void {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.feed(rest);
  }

  /** Passes on nothing more; also from within the handler. */
  stop(): void {
    this.#stopped = true;
    this.#reader.stop();
    this.#nextTurn?.cancel();
    this.#rest = undefined;
  }
}
