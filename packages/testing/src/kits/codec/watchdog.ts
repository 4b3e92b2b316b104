import { runInNewContext } from 'node:vm';
import { Violation } from './codec-facts.js';

/**
 * Runs `check`, and ends it after `timeoutMs` even where it never comes back by itself.
 * @throws {Violation} `ends`, then.
 */
export function withWatchdog(timeoutMs: number, check: () => void): void {
  try {
    // A loop cannot be ended from within its own thread, but V8 ends what a script with a timeout has called.
    runInNewContext('check()', { check }, { timeout: timeoutMs });
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new Violation('ends', `the codec did not come to an end within ${timeoutMs} ms`);
  }
}
