/** Round trips of a peer, in milliseconds: of the last ones, by how many of a hundred are at most so long. */
export interface RoundTripTimes {
  /** The last one. */
  readonly lastMs: number;
  /** The shortest. */
  readonly minMs: number;
  /** Half of them are at most so long. */
  readonly p50Ms: number;
  /** Nine of ten are at most so long. */
  readonly p90Ms: number;
  /** 99 of a hundred are at most so long: of a window of less than a hundred, the longest. */
  readonly p99Ms: number;
  /** How many are remembered. */
  readonly samples: number;
}

/** The last round trips of a peer, `size` of them at most. */
export class RoundTrips {
  readonly #size: number;
  /** A ring, once it is full. */
  readonly #samples: number[] = [];
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Remembers one more, in place of the oldest where there are enough. */
  add(ms: number): void {
    this.#samples[this.#next] = ms;
    this.#next = (this.#next + 1) % this.#size;
  }

  /** What is known; undefined where nothing is. */
  get times(): RoundTripTimes | undefined {
    const samples = this.#samples.length;
    if (samples === 0) return undefined;
    const sorted = [...this.#samples].sort((one, other) => one - other);
    const percentile = (percent: number): number => sorted[Math.ceil((percent / 100) * samples) - 1]!;
    return {
      lastMs: this.#samples[(this.#next + this.#size - 1) % this.#size]!,
      minMs: sorted[0]!,
      p50Ms: percentile(50),
      p90Ms: percentile(90),
      p99Ms: percentile(99),
      samples,
    };
  }
}
