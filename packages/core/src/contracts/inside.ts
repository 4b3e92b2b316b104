import type { Connection } from './connection.js';
import type { Direction } from './direction.js';
import type { SocketAddress } from '../net/socket-address.js';

/**
 * What of a node only those ask for who show it to people: pages, exporters, health checks. `@pea2pea/observe` is made
 * with it.
 *
 * note: all of it is read when it is asked for, and costs nothing before.
 */
export interface NodeInside {
  /** A number that no other node of the process has: names may be given twice. */
  readonly id: number;
  /** Whether it serves: all `onStart` hooks have succeeded, and it neither drains nor closes. */
  readonly isReady: boolean;
  /** The plugins of the node, in the order of its `use` calls. See {@link PLUGIN_STATE}. */
  readonly plugins: readonly object[];
  /** What was refused or failed before it was a connection, by cause; codes of the system stand after a comma. */
  readonly refused: {
    /** Links: an error code, or the name of what happened in the waiting line. */
    readonly inbound: Readonly<Record<string, number>>;
    /** Dials, those that reached nobody included. */
    readonly outbound: Readonly<Record<string, number>>;
    /** Messages that were not queued: the option that stood in their way, or `renegotiation`. */
    readonly messages: Readonly<Record<string, number>>;
  };
  /** Why connections ended, by cause: `user`, `reading: idle-timeout`, `reading: invalid-frame, P2P_ERR_FRAME_TOO_LARGE`. */
  readonly ended: Readonly<Record<string, number>>;
  /** Inbound links that wait for a setup slot. */
  readonly waiting: number;
  /** Connections that inbound peers hold, those being set up included. */
  readonly inbound: number;
  /** Bytes that were received and not handled, over all connections. */
  readonly inboundBytes: number;
  /** Bytes that are queued and not sent, over all connections. */
  readonly outboundBytes: number;
  /** What is being set up now: setups, and dials that have not reached anybody yet. */
  setups(): readonly SetupInside[];
  /** What of one of its connections no other member shows. */
  of(connection: Connection): ConnectionInside;
  /**
   * Has `told` called for each `onMessage` that is timed: of those in a tenth of a second, the first hundred, so that it costs the
   * same however many messages come. Returns what ends that.
   */
  timeHandlers(told: (time: HandlerTime) => void): () => void;
}

/** How long an `onMessage` took, to the end of its promise. See {@link NodeInside.timeHandlers}. */
export interface HandlerTime {
  /** The connection of the message. */
  readonly connection: Connection;
  /** In milliseconds, by the clock of the node. */
  readonly ms: number;
  /** What it threw, or its promise rejected with; absent where it did not. */
  readonly error?: unknown;
}

/** Something on its way to being a connection. */
export interface SetupInside {
  /** The address of the peer; of a dial, what `connect` was given. */
  readonly address: SocketAddress;
  /** Who dials: `outbound` where this side does. */
  readonly direction: Direction;
  /** Whether there is a link: from then on hooks run. */
  readonly phase: 'connecting' | 'handshaking';
  /** When it began, by the clock of the node, in milliseconds. */
  readonly sinceMs: number;
}

/** See {@link NodeInside.of}. */
export interface ConnectionInside {
  /** The `name` of its codec; undefined where that has none. */
  readonly codec: string | undefined;
  /** Whether it is a handshake for now. */
  readonly isRenegotiating: boolean;
  /** Whether the promise of an `onMessage` is pending. */
  readonly isHandling: boolean;
  /** Whether somebody has announced work with `hold()` that is not done. */
  readonly isHeld: boolean;
  /** Messages that are queued and not sent. */
  readonly queuedMessages: number;
  /**
   * For how long the peer has sent no message, in milliseconds, as `idleTimeoutMs` has it: while a handler runs, it is 0.
   *
   * note: the node looks at that now and then; up to two seconds are missing.
   */
  readonly idleMs: number;
}
