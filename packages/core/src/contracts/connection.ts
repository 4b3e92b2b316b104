import type { Codec } from './codec.js';
import type { ConnectionContext } from './connection-context.js';
import type { Direction } from './direction.js';
import type { Detached } from './handshake.js';
import { describe, readData, wordsOf } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { ConnectionLimits } from './limits.js';
import type { RenegotiateHook, RenegotiateOptions } from './renegotiation.js';
import type { Stats } from './stats.js';

/**
 * - `open`: hooks run, messages go both ways.
 * - `closing`: its teardown was claimed; `onDisconnect` runs and may still send, nothing is read.
 * - `closed`: removed from the node, its stream destroyed, its promises settled.
 */
export type ConnectionState = 'open' | 'closing' | 'closed';

/** Work under way for the peer of a connection; see {@link Connection.hold}. */
export interface Hold {
  /** The work is done. Harmless twice. */
  release(): void;
}

/** A connection that was set up: what hooks are given and what `connect` resolves with. */
export interface Connection<In = unknown, Out = In> {
  /** Unique in the process, never reused: tells a connection from its successor at the same address. */
  readonly id: number;
  /** Who dialled: `outbound` where this side did. */
  readonly direction: Direction;
  /** The address of the peer. An inbound peer's port is the one it dials from, not one it listens on. */
  readonly address: SocketAddress;
  /**
   * The address of this side.
   *
   * note: it is read on demand. If it is first read when the socket is gone, as after a reset, it is the listening
   * address of the node for an inbound connection, and `0.0.0.0:0` for an outbound one.
   */
  readonly localAddress: SocketAddress;
  /** Where the connection is in its life. */
  readonly state: ConnectionState;
  /** The traffic of this connection. */
  readonly stats: Stats;
  /** What the handshake left behind, and what `connect` was given for it. */
  readonly context: ConnectionContext;
  /** The limits of this connection, which may be changed at any time: `connection.limits.set({ idleTimeoutMs: 90_000 })`. */
  readonly limits: ConnectionLimits;
  /** Who the peer has proved to be: {@link peerIdentity} in the context. Undefined where no handshake asked for a proof. */
  readonly identity: string | undefined;
  /**
   * Aborts when the teardown begins, with the {@link DisconnectReason} as `reason`. Made on first use.
   *
   * note: to wait for the end, use {@link closed}: a listener that is added after the abort is never called.
   */
  readonly signal: AbortSignal;
  /** Resolves when the connection is closed, with the reason; it never rejects. Made on first use. */
  readonly closed: Promise<DisconnectReason>;
  /** Whether {@link end} was called: nothing more is sent. */
  readonly hasEnded: boolean;
  /** Whether the peer has ended its half, as far as was read: nothing more comes than what waits. */
  readonly peerHasEnded: boolean;
  /** Bytes queued and not yet handed to the operating system. */
  readonly bufferedBytes: number;
  /** Bytes received and not yet handled: they wait for a handler, or for the rest of their frame. */
  readonly waitingBytes: number;
  /**
   * Whether nothing is read from the peer for now, as messages wait for a handler or memory is short: its silence says nothing
   * then.
   */
  readonly isHeldBack: boolean;

  /**
   * Queues `message` and resolves when its bytes were handed to the operating system.
   *
   * note: that is not an acknowledgement: the peer may never read them.
   * note: what is queued in one turn of the event loop goes out together, 256 KiB a write at most; to a socket it may
   * begin to go within that turn.
   * note: nothing breaks if nobody awaits the promise. To know only whether it was queued, use {@link trySend}.
   * note: aborting `signal` ends the waiting; bytes that are queued still go out.
   * @throws {PeerError} P2P_ERR_QUEUE_FULL, P2P_ERR_DISCONNECTED, P2P_ERR_WRITE_TIMEOUT, P2P_ERR_ABORTED;
   * P2P_ERR_INVALID_CONFIG for a `signal` that is not one, and for options that nobody knows;
   * the encoder's own PeerError, P2P_ERR_ENCODE_FAILED for anything else that it throws
   */
  send(message: Out, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Queues `message`; false when the queue is at its limit or the connection has ended.
   *
   * note: a message that finds no room is counted in `stats.messagesRefused`. Where the next one is tried without waiting for
   * {@link drained}, it is a `warn`, too, as with each {@link send} and each connection that `broadcast` skips.
   * @throws {PeerError} the encoder's own, P2P_ERR_ENCODE_FAILED for anything else that it throws
   */
  trySend(message: Out): boolean;
  /**
   * Resolves when {@link trySend} would queue again: at once, or when the queue falls below its limit.
   * @throws {PeerError} P2P_ERR_DISCONNECTED, P2P_ERR_WRITE_TIMEOUT
   */
  drained(): Promise<void>;
  /**
   * The next message, where the node has no `onMessage`. What was not asked for waits as bytes, undecoded; once
   * `inboundQueueBytes` wait, the peer is slowed down.
   *
   * ```ts
   * const greeting = await connection.next({ signal: AbortSignal.timeout(1_000) });
   * ```
   *
   * note: aborting `signal` ends the waiting; the message is for the next call.
   * note: the connection ends with its peer, and what was received before can still be asked for.
   * note: a node that wants none of its messages has an `onMessage` that does nothing.
   * @throws {PeerError} P2P_ERR_ENDED when the connection ended in order, by either side; P2P_ERR_DISCONNECTED when it
   * failed; P2P_ERR_ABORTED; P2P_ERR_ALREADY_PULLING while another call waits; P2P_ERR_NOT_PULLED where the node, or a plugin of it,
   * has an `onMessage`; P2P_ERR_INVALID_CONFIG for a `signal` that is not one, and for options that nobody knows
   */
  next(options?: { readonly signal?: AbortSignal }): Promise<In>;
  /**
   * One message after the other, as {@link next}, until the connection has ended in order.
   *
   * ```ts
   * for await (const message of connection) await connection.send(reply(message));
   * ```
   *
   * note: the body of the loop is a handler: the connection outlives the end of the peer until the body is done.
   * note: leaving the loop leaves the connection open, and the rest of the messages for whoever asks next.
   * @throws {PeerError} as {@link next}, but for P2P_ERR_ENDED, which ends the loop
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<In>;
  /**
   * Says that work is under way that the peer waits for, such as a request that is being served. Until it is released:
   *
   * - the end of the peer's half does not end the connection, as a peer that has sent all it had to send may still read;
   * - `close()` of the node waits for it, within its deadline, and its report names it otherwise;
   * - the connection is not idle, unless the peer has ended its half: then `idleTimeoutMs` bounds the waiting.
   *
   * note: it does not delay `disconnect()`, nor an end for an error.
   */
  hold(): Hold;
  /**
   * Ends our half, and no more: what is queued is flushed, then comes our FIN. Reading goes on, messages are handled as before.
   * The connection ends when the peer has ended its half, too. Resolves when the operating system has all of it; no
   * acknowledgement, as with {@link send}.
   *
   * note: from the call on sends are refused, with P2P_ERR_SENT_AFTER_END; also what requests in progress would still reply.
   * note: a peer may go on sending for as long as it likes. One that is silent is bounded by `idleTimeoutMs`; otherwise
   * {@link disconnect} ends the connection.
   * note: harmless twice: later calls return the same promise. Nothing breaks if nobody awaits it.
   * @throws {PeerError} P2P_ERR_DISCONNECTED, P2P_ERR_WRITE_TIMEOUT where the connection ended, or had ended, before that
   */
  end(): Promise<void>;
  /**
   * Goes back to being a handshake, right after the message that was decoded last, and comes out as the same connection:
   * STARTTLS, a block of raw bytes, another protocol. `hook` has what `onHandshake` has; resolves with what it returned.
   *
   * ```ts
   * async onMessage(line, connection) {
   *   if (line !== 'STARTTLS') return;
   *   connection.trySend('220 go ahead');
   *   await connection.renegotiate((handshake) => tlsHandshake(handshake, secured));
   * }
   * ```
   *
   * note: call it while a message is handled, in `onConnect` before its first `await`, or between two calls of {@link next}: nothing is
   * decoded until it is over, whether the caller awaits it or not. At any other moment it begins wherever the peer is.
   * note: what was queued is sent first. Until it is over, `trySend` returns false, `send` rejects with
   * P2P_ERR_RENEGOTIATING, `broadcast` skips the connection; {@link drained} waits for the end of it.
   * note: bytes that the hook did not read go to the codec. Bytes that were read below an upgrade go back there.
   * note: where it fails, the connection ends with the reason `renegotiation`, and the error that this rejects with. Nothing
   * more is sent then, not even by `onDisconnect`.
   * note: hooks, plugins and counters see one connection. Idleness does not count meanwhile; `timeoutMs` does.
   * @throws {PeerError} before it begins, and the connection lives: P2P_ERR_INVALID_CONFIG, P2P_ERR_RENEGOTIATING,
   * P2P_ERR_MESSAGES_HELD, P2P_ERR_SENT_AFTER_END after {@link end};
   * P2P_ERR_DISCONNECTED where the connection ends, or has; else as the setup of a connection: P2P_ERR_HANDSHAKE_TIMEOUT,
   * P2P_ERR_HANDSHAKE_ENDED, P2P_ERR_HANDSHAKE_REJECTED, P2P_ERR_WRONG_IDENTITY, P2P_ERR_HANDSHAKE_FAILED, the hook's own PeerError
   */
  renegotiate<T>(hook: RenegotiateHook<T>, options?: RenegotiateOptions): Promise<T>;
  /**
   * Hands the stream over, to `node:http`, `ws`, anything, right after the message that was decoded last: what is queued
   * is flushed, `onDisconnect` runs with the reason `detached`, the slot is released. Then it resolves.
   *
   * ```ts
   * const { stream, head } = await connection.detach();
   * sockets.handleUpgrade(request, stream, head, (socket) => …);
   * ```
   *
   * note: call it when {@link renegotiate} may be called, and as that; where one is under way, `handshake.detach()`.
   * note: from here the stream is in no limit of the node, and `close()` leaves it alone. The methods of the connection reject with
   * P2P_ERR_DISCONNECTED, as after any other end.
   * @throws {PeerError} P2P_ERR_RENEGOTIATING, P2P_ERR_MESSAGES_HELD, P2P_ERR_SENT_AFTER_END after {@link end}; P2P_ERR_DISCONNECTED where
   * the connection has ended, or does so before all is flushed
   */
  detach(): Promise<Detached>;
  /**
   * Ends the connection: runs `onDisconnect`, flushes what is queued, waits for the peer to end its half, closes.
   * Resolves when that is done: with true for the call that began it, at once with false for any other.
   *
   * @param why for people, or an error that code can tell by its `code`; the reason has it
   */
  disconnect(why?: string | PeerError): Promise<boolean>;
  /** One line for people: id, address, direction, state, and the identity of the peer, cut where it is long. */
  toString(): string;

  /** Never present; keeps the type of inbound messages apart in the type system. */
  readonly inboundType?: In;
}

/** The connections of a node with the codec `C`: `ConnectionOf<typeof chat>`. */
export type ConnectionOf<C> = C extends Codec<infer In, infer Out> ? Connection<In, Out> : never;

/** A connection, whatever it carries: what a helper takes that sends nothing. `send` on it takes no message. */
export type AnyConnection = Connection<unknown, never>;

/** Why a connection ended: the first cause, as hooks and diagnostics see it. */
export type DisconnectReason =
  | {
      readonly origin: 'user';
      readonly why?: string;
      /** Where `disconnect` was given one; `why` is what it says. */
      readonly error?: PeerError;
    }
  | { readonly origin: 'shutdown' }
  | {
      readonly origin: 'reading';
      readonly cause:
        'ended' | 'idle-timeout' | 'invalid-frame' | 'handler-error' | 'stream-error' | 'over-budget';
      readonly error?: unknown;
    }
  | {
      readonly origin: 'writing';
      readonly cause: 'timeout' | 'stream-error' | 'over-budget';
      readonly error?: unknown;
    }
  | { readonly origin: 'on-connect'; readonly error: unknown }
  | { readonly origin: 'renegotiation'; readonly error: PeerError }
  | { readonly origin: 'detached' };

/** One line for people: `reading: invalid-frame (a frame declares …)`. */
export function describeReason(reason: DisconnectReason): string {
  switch (reason.origin) {
    case 'user':
      if (reason.why === undefined) return 'user';
      return reason.error === undefined ? `user: ${reason.why}` : `user: ${reason.error.code}: ${reason.why}`;
    case 'shutdown':
    case 'detached':
      return reason.origin;
    case 'on-connect':
    case 'renegotiation':
      return `${reason.origin} (${describe(reason.error)})`;
    case 'reading':
    case 'writing': {
      const what = `${reason.origin}: ${reason.cause}`;
      return reason.error === undefined ? what : `${what} (${describe(reason.error)})`;
    }
  }
}

/**
 * The cause of a reason, for counting: without what differs from case to case. `user`, `reading: idle-timeout`,
 * `reading: invalid-frame, P2P_ERR_FRAME_TOO_LARGE`.
 */
export function causeOf(reason: DisconnectReason): string {
  const cause = 'cause' in reason ? `${reason.origin}: ${reason.cause}` : reason.origin;
  const code = 'error' in reason && PeerError.is(reason.error) ? reason.error.code : undefined;
  return code === undefined ? cause : `${cause}, ${code}`;
}

/** P2P_ERR_DISCONNECTED, with the reason for which the connection ended, if it is known, as `cause`. */
export function disconnected(
  { address }: Pick<Connection, 'address'>,
  reason: DisconnectReason | undefined,
): PeerError {
  const why = reason === undefined ? 'closed' : describeReason(reason);
  const what = `the connection with ${address} has ended: ${why}`;
  return new PeerError('P2P_ERR_DISCONNECTED', what, { cause: reason });
}

/** P2P_ERR_SENT_AFTER_END: this side has ended its half. */
export function sentAfterEnd({ address }: Pick<Connection, 'address'>): PeerError {
  const what = `this side has ended its half of the connection with ${address}`;
  return new PeerError('P2P_ERR_SENT_AFTER_END', what);
}

/** What {@link Connection.disconnect} was called with, as a reason. */
export function userReason(why: unknown): DisconnectReason {
  if (why === undefined) return { origin: 'user' };
  return PeerError.is(why)
    ? { origin: 'user', why: wordsOf(readData(why, 'what')), error: why }
    : { origin: 'user', why: wordsOf(why) };
}
