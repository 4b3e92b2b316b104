import type { Duplex } from 'node:stream';
import type { Connection, DisconnectReason } from '../contracts/connection.js';
import type { PeerError } from '../errors/errors.js';
import type { Traffic } from '../mechanisms/traffic.js';

/** A connection as its reader and writer see it. */
export interface InnerConnection extends Connection {
  readonly stats: Traffic;
  /** What its bytes pass through now. */
  readonly topStream: Duplex;
  /** Whether work is under way that an end in order waits for. */
  readonly isHeld: boolean;
  /** Whether it may end for `reason`, now that all that came before was handled: the reader is told when that changes. */
  mayEndFor(reason: DisconnectReason): boolean;
  /** Whether it is a handshake for now. */
  readonly isRenegotiating: boolean;
  /** Begins the teardown, unless it has begun. */
  endFor(reason: DisconnectReason): void;
  /** The stream takes nothing more. */
  writingFailed(error: unknown): void;
  /** Why it ends or has ended, as far as that is known. */
  readonly endReason: DisconnectReason | undefined;
  /** What sends reject with that are not taken any more. */
  sendError(): PeerError;
  /** What all that waits rejects with once the teardown has begun. */
  endError(): PeerError;
}
