import type { Duplex } from 'node:stream';
import type { Cancellation } from '../contracts/cancellation.js';
import type { Clock } from '../contracts/clock.js';
import type { Decoder } from '../contracts/codec.js';
import type { ConnectionContext } from '../contracts/connection-context.js';
import type { Direction } from '../contracts/direction.js';
import type { ConnectionLimits } from '../contracts/limits.js';
import type { Link, WriteTraits } from '../contracts/transport.js';
import type { ChunkQueue } from '../mechanisms/byte-queue.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { HandshakeMeter } from './handshake-meter.js';

/** What a handshake is about. */
export interface HandshakeParts {
  readonly link: Link;
  readonly direction: Direction;
  /** What `connect` was given. */
  readonly dialled: SocketAddress | undefined;
  readonly context: ConnectionContext;
  readonly limits: ConnectionLimits;
  /** What an open connection goes on from; undefined where a link begins. */
  readonly from?: {
    readonly stream: Duplex;
    readonly writes: WriteTraits;
    /** What was received from `stream` and not decoded. */
    readonly received: ChunkQueue;
    /** How many bytes of `stream` were counted, and will come again. */
    readonly comesAgain: number;
    /** What had decoded what came before. */
    readonly decoder: Decoder<unknown>;
    readonly meter: HandshakeMeter;
  };
}

/** What handshakes have from their node. */
export interface Surroundings {
  readonly clock: Clock;
  /** Undefined where an inbound peer need not wait; see `HandshakePace`. */
  readonly waitForTurn: (address: SocketAddress, cancellation: Cancellation) => Promise<void> | undefined;
}
