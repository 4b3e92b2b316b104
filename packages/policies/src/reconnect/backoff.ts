import type { Random } from '@pea2pea/core';
import { MAX_TIMER_MS, requireNumber } from '@pea2pea/core/authoring';

/** The numbers that the delays between attempts are computed from. */
export interface BackoffSettings {
  /** The delay after the first failure, in milliseconds; at least 1. */
  readonly minDelayMs: number;
  /** The longest delay, in milliseconds; at least `minDelayMs`. */
  readonly maxDelayMs: number;
  /** How many times longer each delay is than the one before; at least 1. */
  readonly factor: number;
  /** The share of a delay that is random, 0 to 1. */
  readonly jitter: number;
}

/**
 * Computes delays that grow by `factor`, from `minDelayMs` to `maxDelayMs`, and of which the share `jitter` is random:
 *
 * ```text
 *   failures      1        2        3        4  …
 *   without       1 s      2 s      4 s      8 s      (factor 2)
 *   jitter 0.5    0.5-1 s  1-2 s    2-4 s    4-8 s    peers that lost the same node then return at different times
 * ```
 */
export class Backoff {
  readonly #settings: BackoffSettings;
  readonly #random: Random;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(settings: BackoffSettings, random: Random) {
    const { minDelayMs, maxDelayMs, factor, jitter } = settings;
    requireNumber('minDelayMs', minDelayMs, { min: 1, max: MAX_TIMER_MS });
    requireNumber('maxDelayMs', maxDelayMs, { min: minDelayMs, max: MAX_TIMER_MS });
    requireNumber('factor', factor, { min: 1 });
    requireNumber('jitter', jitter, { min: 0, max: 1 });
    this.#settings = settings;
    this.#random = random;
  }

  /** How long to wait after a number of failures in a row, in whole milliseconds; 0 counts as 1. */
  delayMs(failures: number): number {
    const { minDelayMs, maxDelayMs, factor, jitter } = this.#settings;
    // A power that overflows is Infinity, and bounded like any other.
    const delayMs = Math.min(maxDelayMs, minDelayMs * factor ** Math.max(0, failures - 1));
    return Math.ceil(delayMs * (1 - jitter * this.#random.next()));
  }
}
