import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { Connection, DisconnectReason, Direction } from './connection.js';
import type { SocketAddress } from './socket-address.js';

/**
 * The channels of `node:diagnostics_channel` that the kernel publishes to. Names are public API.
 * A channel without a subscriber costs one property read.
 */
export const diagnostics = {
  /** {@link ListenEvent} */
  listen: channel('pea2pea:listen'),
  /** {@link ConnectionEvent} */
  connectionOpen: channel('pea2pea:connection:open'),
  /** {@link ConnectionCloseEvent} */
  connectionClose: channel('pea2pea:connection:close'),
  /** {@link ConnectionRefusedEvent} */
  connectionRefused: channel('pea2pea:connection:refused'),
  /** {@link MessageEvent} */
  messageReceived: channel('pea2pea:message:received'),
  /** {@link MessageEvent} */
  messageSent: channel('pea2pea:message:sent'),
  /** {@link MessageEvent} */
  messageRefused: channel('pea2pea:message:refused'),
  /** {@link HandshakeEvent}; a tracing channel: start, end, asyncStart, asyncEnd, error. */
  handshake: tracingChannel('pea2pea:handshake'),
} as const;

export interface ListenEvent {
  readonly node: string;
  readonly address: SocketAddress;
}

export interface ConnectionEvent {
  readonly node: string;
  readonly connection: Connection;
}

export interface ConnectionCloseEvent extends ConnectionEvent {
  readonly reason: DisconnectReason;
}

export interface ConnectionRefusedEvent {
  readonly node: string;
  readonly address: SocketAddress;
  readonly direction: Direction;
  /** A code of the error table, or `'waiting-line-full'`, `'waiting-line-timeout'`. */
  readonly cause: string;
}

export interface HandshakeEvent {
  readonly node: string;
  readonly address: SocketAddress;
  readonly direction: Direction;
}

export interface MessageEvent extends ConnectionEvent {
  readonly message: unknown;
}
