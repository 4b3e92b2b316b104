import type { Clock } from '../contracts/clock.js';
import type { ResolvedConfig } from '../contracts/config.js';
import { diagnostics, type OfNode } from '../contracts/diagnostics.js';
import type { Logger } from '../contracts/logger.js';
import { peerFields } from '../contracts/peer-fields.js';
import { LogThrottle } from '../authoring/log-throttle.js';
import type { Traffic } from '../mechanisms/traffic.js';
import type { InnerConnection } from './inner-connection.js';

const WARN_INTERVAL_MS = 1_000;

/** Messages of one node that were not queued for want of room: each is counted and published, one a second is a `warn`. */
export class Refusals {
  readonly #logger: Logger;
  readonly #about: OfNode;
  readonly #config: ResolvedConfig;
  readonly #traffic: Traffic;
  readonly #warnings: LogThrottle;
  /** How many each option stood in the way of. */
  readonly reasons = { outboundQueueBytes: 0, maxBufferedBytes: 0, renegotiation: 0 };

  constructor(clock: Clock, logger: Logger, about: OfNode, config: ResolvedConfig, traffic: Traffic) {
    this.#about = about;
    this.#config = config;
    this.#logger = logger;
    this.#traffic = traffic;
    this.#warnings = new LogThrottle(clock, WARN_INTERVAL_MS);
  }

  /** `isLost`: nobody seems to wait for room to send it again. */
  refused(connection: InnerConnection, message: unknown, isLost: boolean): void {
    connection.stats.messagesRefused++;
    this.#traffic.messagesRefused++;
    const option = connection.isRenegotiating ? undefined : limitOf(connection);
    this.reasons[option ?? 'renegotiation']++;
    if (diagnostics.messageRefused.hasSubscribers) {
      diagnostics.messageRefused.publish({ ...this.#about, connection, message });
    }
    if (!isLost) return;
    this.#warnings.run((suppressed) => {
      const { bufferedBytes } = connection;
      const fields = { ...peerFields(connection), bufferedBytes, refused: suppressed + 1 };
      const why =
        option === undefined
          ? 'a renegotiation is under way'
          : `${option} (${option === 'outboundQueueBytes' ? connection.limits[option] : this.#config[option]}) is reached`;
      this.#logger.warn(fields, `${why}: messages are refused; await drained() before sending more`);
    });
  }
}

function limitOf({ bufferedBytes, limits }: InnerConnection): 'outboundQueueBytes' | 'maxBufferedBytes' {
  return bufferedBytes >= limits.outboundQueueBytes ? 'outboundQueueBytes' : 'maxBufferedBytes';
}
