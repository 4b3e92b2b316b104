import { channel, tracingChannel, type Channel, type TracingChannel } from 'node:diagnostics_channel';
import type { Duplex } from 'node:stream';
import type { Connection, DisconnectReason } from './connection.js';
import type { Heuristics } from './counters.js';
import type { Direction } from './direction.js';
import type { LogFields } from './logger.js';
import type { Stats } from './stats.js';
import type { SocketAddress } from '../net/socket-address.js';

// Without type parameters: the declarations of Node 26 have them in another order than those before.
/** The types of {@link diagnostics}. */
export interface Diagnostics {
  /** {@link NodeDiagnostic} */
  readonly nodeMade: Channel;
  /** {@link ListenDiagnostic} */
  readonly listen: Channel;
  /** {@link ConnectionDiagnostic} */
  readonly connectionOpen: Channel;
  /** {@link ConnectionCloseDiagnostic} */
  readonly connectionClose: Channel;
  /** {@link ConnectionRefusedDiagnostic} */
  readonly connectionRefused: Channel;
  /** {@link MessageDiagnostic} */
  readonly messageReceived: Channel;
  /** {@link MessageDiagnostic} */
  readonly messageSent: Channel;
  /** {@link MessageDiagnostic} */
  readonly messageRefused: Channel;
  /** {@link BytesDiagnostic} */
  readonly bytesReceived: Channel;
  /** {@link BytesDiagnostic} */
  readonly bytesSent: Channel;
  /** {@link LogDiagnostic} */
  readonly log: Channel;
  /** {@link HandshakeDiagnostic}; a tracing channel: start, end, asyncStart, asyncEnd, error. */
  readonly handshake: TracingChannel;
  /** {@link DialDiagnostic}; a tracing channel around a dial with its setup. */
  readonly dial: TracingChannel;
  /** {@link MessageDiagnostic}; a tracing channel around `onMessage`: asynchronous where it returns a promise. */
  readonly message: TracingChannel;
}

/**
 * The channels of `node:diagnostics_channel` that the kernel publishes to. Names are public API.
 * A channel without a subscriber costs one property read.
 */
export const diagnostics: Diagnostics = {
  nodeMade: channel('pea2pea:node:made'),
  listen: channel('pea2pea:listen'),
  connectionOpen: channel('pea2pea:connection:open'),
  connectionClose: channel('pea2pea:connection:close'),
  connectionRefused: channel('pea2pea:connection:refused'),
  messageReceived: channel('pea2pea:message:received'),
  messageSent: channel('pea2pea:message:sent'),
  messageRefused: channel('pea2pea:message:refused'),
  bytesReceived: channel('pea2pea:bytes:received'),
  bytesSent: channel('pea2pea:bytes:sent'),
  log: channel('pea2pea:log'),
  handshake: tracingChannel('pea2pea:handshake'),
  dial: tracingChannel('pea2pea:dial'),
  message: tracingChannel('pea2pea:message'),
};

/** What events of tracing channels have besides, when a part of their channel is told. */
export interface TracedDiagnostic {
  /** What was thrown or rejected; from `error` on. */
  readonly error?: unknown;
  /** What came of it, if it did not fail; from `end` on, or from `asyncStart` on where there was a promise. */
  readonly result?: unknown;
  /** The promise of what is asynchronous, which settles when that is over; from `end` on. */
  readonly promise?: PromiseLike<unknown>;
  /**
   * A subscriber of `start` may set it: it is given the work, has to call it at once, and returns what that returns. So the work runs in
   * a context of the subscriber. One that finds it set calls it, too.
   */
  around?: <T>(run: () => T) => T;
}

/** Which node an event is about. */
export interface OfNode {
  /** The name of the node. Two nodes may have one name. */
  readonly node: string;
  /** The node by a number that no other node of the process has: that of `node.inside.id`. */
  readonly nodeId: number;
}

/** A node was made. */
export interface NodeDiagnostic extends OfNode {
  /** Its counters, live. */
  readonly counters: Readonly<Heuristics>;
  /** What its connections carried, live. */
  readonly stats: Stats;
}

/** A node listens. */
export interface ListenDiagnostic extends OfNode {
  /** Where it listens; the port is never 0. */
  readonly address: SocketAddress;
}

/** A connection became active. */
export interface ConnectionDiagnostic extends OfNode {
  /** The connection itself. */
  readonly connection: Connection;
}

/** A connection has ended. */
export interface ConnectionCloseDiagnostic extends ConnectionDiagnostic {
  /** The first cause, as hooks see it. */
  readonly reason: DisconnectReason;
}

/** A peer, or a dial, was refused by a limit or for want of an address. */
export interface ConnectionRefusedDiagnostic extends OfNode {
  /** The address of the peer. */
  readonly address: SocketAddress;
  /** Who dialled: `outbound` where this side did. */
  readonly direction: Direction;
  /** A code of the error table, or `'waiting-line-full'`, `'waiting-line-timeout'`. */
  readonly cause: string;
}

/** A handshake begins, ends or fails: the channel tells which. */
export interface HandshakeDiagnostic extends OfNode {
  /** The address of the peer. */
  readonly address: SocketAddress;
  /** Who dialled: `outbound` where this side did. */
  readonly direction: Direction;
}

/** A dial begins, ends or fails: the channel tells which. */
export interface DialDiagnostic extends OfNode {
  /** What `connect` was given. */
  readonly address: SocketAddress;
}

/** A message was received, sent or refused: the channel tells which. */
export interface MessageDiagnostic extends ConnectionDiagnostic {
  /** The message, as the codec has it. */
  readonly message: unknown;
}

/** Bytes of a connection passed between its codec, or a renegotiation, and its stream: the channel tells which way. */
export interface BytesDiagnostic extends ConnectionDiagnostic {
  /** The bytes. Their memory may be used again once the subscriber has returned: copy what is kept. */
  readonly bytes: Uint8Array;
  /** What they came from, or go to: the socket, or the topmost stream that a handshake put on it, such as that of TLS. */
  readonly stream: Duplex;
}

/** A line for the logger of a node, whatever that makes of its level. */
export interface LogDiagnostic extends OfNode {
  /** How important it is. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Its details, those that were bound to the logger included. */
  readonly fields: LogFields;
  /** What happened. */
  readonly text: string;
}
