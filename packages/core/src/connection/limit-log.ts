import type { Clock } from '../contracts/clock.js';
import type { ResolvedConfig } from '../contracts/config.js';
import { LIMIT_OPTIONS } from '../contracts/limit-options.js';
import type { Direction } from '../contracts/direction.js';
import type { Logger } from '../contracts/logger.js';
import type { SocketAddress } from '../net/socket-address.js';
import { LogThrottle } from '../authoring/log-throttle.js';

type LimitCause = keyof typeof LIMIT_OPTIONS;

const WARN_INTERVAL_MS = 1_000;

/** Refusals in the log: of each limit one `warn` a second, which names the option; all others are `debug`. */
export class LimitLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #config: ResolvedConfig;
  readonly #warnings = new Map<string, LogThrottle>();

  constructor(clock: Clock, logger: Logger, config: ResolvedConfig) {
    this.#clock = clock;
    this.#logger = logger;
    this.#config = config;
  }

  refused(address: SocketAddress, direction: Direction, cause: string): void {
    if (isLimit(cause) && this.#warn(address, direction, cause)) return;
    this.#logger.debug({ peer: address.toString(), direction, cause }, 'connection refused');
  }

  /** A handshake that waits is not refused, and not worth a line of its own: one `warn` a second. */
  delayed(address: SocketAddress): void {
    this.#throttle('handshake-delayed').run((suppressed) => {
      const { maxHandshakesPerSecondPerIp: limit } = this.#config;
      const text = `maxHandshakesPerSecondPerIp (${limit}) is reached: handshakes of ${address} wait`;
      this.#logger.warn({ peer: address.toString(), direction: 'inbound', suppressed }, text);
    });
  }

  #warn(address: SocketAddress, direction: Direction, cause: LimitCause): boolean {
    return this.#throttle(cause).run((suppressed) => {
      const option = LIMIT_OPTIONS[cause];
      const who = direction === 'inbound' ? `${address}` : `the dial to ${address}`;
      const text = `${option} (${this.#config[option]}) is reached: ${who} is refused`;
      this.#logger.warn({ peer: address.toString(), direction, cause, suppressed }, text);
    });
  }

  #throttle(cause: string): LogThrottle {
    let warnings = this.#warnings.get(cause);
    if (warnings === undefined) {
      warnings = new LogThrottle(this.#clock, WARN_INTERVAL_MS);
      this.#warnings.set(cause, warnings);
    }
    return warnings;
  }
}

function isLimit(cause: string): cause is LimitCause {
  return Object.hasOwn(LIMIT_OPTIONS, cause);
}
