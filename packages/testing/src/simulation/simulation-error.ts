/** What a {@link SimulationError} tells apart. */
export type SimulationFault = 'check' | 'timeout' | 'stuck';

/** A world in which something came out that must not, with what is needed to see it again. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
  /** A check did not hold, what was waited for did not happen in time, or nothing was left that could happen. */
  readonly fault: SimulationFault;
  /** The check, or what was waited for. */
  readonly what: string;
  readonly seed: number;
  /** Virtual time, in milliseconds. */
  readonly timeMs: number;
  /** The last lines of the trace. */
  readonly trace: readonly string[];

  constructor(
    fault: SimulationFault,
    what: string,
    details: { seed: number; timeMs: number; trace: readonly string[]; cause?: unknown },
  ) {
    const { seed, timeMs, trace, cause } = details;
    const happened = {
      check: `the check "${what}" does not hold`,
      timeout: `waited in vain until ${what}`,
      stuck: `nothing is left that could happen, and still not ${what}`,
    };
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    const lines = [`${happened[fault]} at ${timeMs.toFixed(3)} ms, seed ${seed}${reason}`, ...trace];
    super(lines.join('\n'), { cause });
    this.fault = fault;
    this.what = what;
    this.seed = seed;
    this.timeMs = timeMs;
    this.trace = trace;
  }
}
