/** What a peer has to take within the write timeout, in bytes. */
export const SLOWEST_BYTES = 256 * 1024;

/** The patience grows to so many times the write timeout at most: with bursts of 1.5 MiB. */
const MOST_PATIENCE = 6;

/**
 * Tells writes that stand still from writes that are slow.
 *
 * A system tells of room in a socket only when a third of its buffer is free, and Linux lets that grow to 4 MiB (`tcp_wmem`):
 * what a slow peer takes without pause is seen as bursts of up to 1.4 MiB, and as nothing at all in between.
 *
 * ```text
 *   taken by the peer    /////////////////////////////
 *   taken by the system  |        |        |        |     a burst, a stall, a burst, …
 * ```
 *
 * So a stall may take as long as the slowest peer needs for the burst before it.
 */
export class StallWatch {
  /** What the system had taken at the last look, and at the last stall. */
  #seenBytes = 0;
  #stalledAtBytes = 0;
  /** When it was first seen that nothing more is taken; undefined while nothing waits. */
  #sinceMs: number | undefined;
  #isStalled = false;
  #patience = 1;

  /** Nothing waits to be taken. */
  rest(): void {
    this.#sinceMs = undefined;
  }

  /** That long nobody could have noticed progress. */
  forgive(durationMs: number): void {
    if (this.#sinceMs !== undefined) this.#sinceMs += durationMs;
  }

  /**
   * How long bytes had waited without progress at `polledAtMs`, in units of the time that the peer is given for each
   * {@link SLOWEST_BYTES}: to be compared with the write timeout.
   *
   * note: to be called every so often while bytes wait, with all that the system ever took; what happens in between is
   * seen as one.
   */
  stalledForMs(nowMs: number, polledAtMs: number, takenBytes: number): number {
    if (this.#sinceMs === undefined || takenBytes !== this.#seenBytes) {
      this.#seenBytes = takenBytes;
      this.#sinceMs = nowMs;
      this.#isStalled = false;
    } else if (!this.#isStalled) {
      this.#isStalled = true;
      const burst = (takenBytes - this.#stalledAtBytes) / SLOWEST_BYTES;
      this.#patience = Math.min(Math.max(burst, 1), MOST_PATIENCE);
      this.#stalledAtBytes = takenBytes;
    }
    return (polledAtMs - this.#sinceMs) / this.#patience;
  }
}
