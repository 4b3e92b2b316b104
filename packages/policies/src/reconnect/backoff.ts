import type { Random } from '@pea2pea/core';
import { MAX_TIMER_MS, requireNumber } from '@pea2pea/core/authoring';

/** How long to wait between tries, as numbers. Times are in milliseconds. */
export interface BackoffSettings {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  readonly factor: number;
  readonly jitter: number;
}

/**
 * Delays that grow by `factor`, from `minDelayMs` to `maxDelayMs`, of which the share `jitter` is random:
 *
 * ```text
 *   failures      1        2        3        4  …
 *   without       1 s      2 s      4 s      8 s      (factor 2)
 *   jitter 0.5    0.5-1 s  1-2 s    2-4 s    4-8 s    so that those who lost a peer at once do not return at once
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

  /** How long to wait after so many failures in a row, in whole milliseconds; after none as after one. */
  delayMs(failures: number): number {
    const { minDelayMs, maxDelayMs, factor, jitter } = this.#settings;
    // A power that is too large is infinite, and bounded like any other.
    const delayMs = Math.min(maxDelayMs, minDelayMs * factor ** Math.max(0, failures - 1));
    return Math.ceil(delayMs * (1 - jitter * this.#random.next()));
  }
}
