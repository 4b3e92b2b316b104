import type { Connection, DisconnectReason } from '../contracts/connection.js';
import type { PeerError } from '../errors/errors.js';
import type { Traffic } from '../mechanisms/traffic.js';

/** A connection as its reader and writer see it. */
export interface InnerConnection extends Connection {
  readonly stats: Traffic;
  /** Whether work is under way that an end in order waits for. */
  readonly isHeld: boolean;
  /** Whether an end for `reason` has to wait for work: the reader is told when there is none. */
  isHeldFor(reason: DisconnectReason): boolean;
  /** Begins the teardown, unless it has begun. */
  endFor(reason: DisconnectReason): void;
  /** The stream takes nothing more. */
  writingFailed(error: unknown): void;
  /** What sends reject with once the teardown has begun. */
  endError(): PeerError;
}
