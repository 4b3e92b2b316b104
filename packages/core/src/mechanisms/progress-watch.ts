/** When a counter last rose, as far as those who look now and then can know. */
export class ProgressWatch {
  #count: number;
  #sinceMs: number;

  constructor(nowMs: number, count = 0) {
    this.#sinceMs = nowMs;
    this.#count = count;
  }

  /** That long nobody could see whether it rises. */
  forgive(durationMs: number): void {
    this.#sinceMs += durationMs;
  }

  /** How long it has been seen not to rise; 0 where `count` is another one than at the last look. Changes nothing. */
  restsForMs(nowMs: number, count: number): number {
    return count === this.#count ? Math.max(0, nowMs - this.#sinceMs) : 0;
  }

  /** When `count` was last seen to be another one, looked at now; `isMoving` says that it counts as such. */
  movedAtMs(nowMs: number, count: number, isMoving = false): number {
    if (count !== this.#count || isMoving) {
      this.#count = count;
      this.#sinceMs = nowMs;
    }
    return this.#sinceMs;
  }
}
