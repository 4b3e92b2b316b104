import type { Clock } from '../contracts/clock.js';
import type { LogFields, Logger } from '../contracts/logger.js';
import { LogThrottle } from '../authoring/log-throttle.js';

const INTERVAL_MS = 1_000;
/** Enough to see what goes on; a stranger who connects and resets without pause causes thousands. */
const MOST_WARNINGS = 20;

/** Lines that peers cause as they fail and go: so many `warn` a second, all others are `debug`. */
export class PeerLog {
  readonly #logger: Logger;
  readonly #warnings: LogThrottle;

  constructor(clock: Clock, logger: Logger) {
    this.#logger = logger;
    this.#warnings = new LogThrottle(clock, INTERVAL_MS, MOST_WARNINGS);
  }

  warn(fields: LogFields, text: string): void {
    const isWarned = this.#warnings.run((suppressed) => {
      this.#logger.warn(suppressed === 0 ? fields : { ...fields, suppressed }, text);
    });
    if (!isWarned) this.#logger.debug(fields, text);
  }
}
