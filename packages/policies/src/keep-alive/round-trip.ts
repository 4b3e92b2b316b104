/** How long a peer takes to reply to pings, in milliseconds. */
export interface RoundTrip {
  /** The last one. */
  readonly lastMs: number;
  /** The shortest one so far: the network, with the least of waiting. */
  readonly minMs: number;
  /** The average, of which the last ones are the greater part: RFC 6298, section 2, with an eighth for each. */
  readonly smoothedMs: number;
  /** How far they are from that on average, by the same section. */
  readonly variationMs: number;
  /** How many were measured. */
  readonly samples: number;
}

/** The round trips so far, and one more. RFC 6298, section 2. */
export function withSample(before: RoundTrip | undefined, ms: number): RoundTrip {
  if (before === undefined) return { lastMs: ms, minMs: ms, smoothedMs: ms, variationMs: ms / 2, samples: 1 };
  const { smoothedMs, variationMs, minMs, samples } = before;
  return {
    lastMs: ms,
    minMs: Math.min(minMs, ms),
    smoothedMs: smoothedMs + (ms - smoothedMs) / 8,
    variationMs: variationMs + (Math.abs(ms - smoothedMs) - variationMs) / 4,
    samples: samples + 1,
  };
}
