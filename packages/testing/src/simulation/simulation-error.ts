import { PeerError } from '@pea2pea/core';
import { TESTING_ERRORS } from '../errors.js';

/** The codes of a {@link SimulationError}. */
export type SimulationFault = 'P2P_ERR_CHECK_FAILED' | 'P2P_ERR_WAITED_IN_VAIN' | 'P2P_ERR_WORLD_STUCK';

/**
 * Tells of a simulated world in which something came out that must not, with what is needed to see it again. Its code is
 * P2P_ERR_CHECK_FAILED, P2P_ERR_WAITED_IN_VAIN or P2P_ERR_WORLD_STUCK.
 *
 * note: the message ends with the last lines of the trace.
 */
export class SimulationError extends PeerError {
  /** The check, or what was waited for, in the words of the scenario. */
  readonly subject: string;
  /** The seed of the world. */
  readonly seed: number;
  /** Virtual time since the beginning of the world, in milliseconds. */
  readonly timeMs: number;
  /** The last lines of the trace, oldest first. */
  readonly trace: readonly string[];

  /** Made by a world. @internal */
  constructor(
    code: SimulationFault,
    subject: string,
    details: { seed: number; timeMs: number; trace: readonly string[]; cause?: unknown },
  ) {
    const { seed, timeMs, trace, cause } = details;
    const happened = {
      P2P_ERR_CHECK_FAILED: `the check "${subject}" does not hold`,
      P2P_ERR_WAITED_IN_VAIN: `waited in vain until ${subject}`,
      P2P_ERR_WORLD_STUCK: `nothing is left that could happen, and still not ${subject}`,
    };
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    super(code, `${happened[code]} at ${timeMs.toFixed(3)} ms, seed ${seed}${reason}`, {
      cause,
      remedy: [TESTING_ERRORS[code].remedy, ...trace].join('\n'),
    });
    this.subject = subject;
    this.seed = seed;
    this.timeMs = timeMs;
    this.trace = trace;
  }
}
