import type { Clock } from '../contracts/clock.js';
import type { Stats } from '../contracts/stats.js';

/** The counters of {@link Stats}: plain numbers that the reader and the writer raise. */
export class Traffic implements Stats {
  readonly since: number;
  messagesReceived = 0;
  bytesReceived = 0;
  messagesSent = 0;
  bytesSent = 0;
  messagesRefused = 0;

  constructor(clock: Clock) {
    this.since = clock.date();
  }
}
