import type { Connection, DisconnectReason } from './connection.js';
import type { AcceptRequest, Handshake } from './handshake.js';

/**
 * Returned by `onMessage` of one `use` call: the message is dealt with, hooks of later calls do not see it.
 * It means nothing to the sender.
 */
export const HANDLED: unique symbol = Symbol.for('pea2pea.handled');

/**
 * What users plug into a node. Every member is optional; the thing a hook is named after comes first.
 *
 * ```text
 *  the node starts
 *      | onStart         once, in order
 *
 *  accept / dial
 *      | limits                            -> refused
 *      | onAccept        inbound only      -> refused
 *      | onHandshake     both directions   -> failed
 *  open
 *      | onConnect       starts, then reading starts
 *      | onMessage       one at a time, in order
 *      | onPeerEnd       once, after the last of them, if the peer ends its half
 *  closing
 *      | onDisconnect    once, for every connection that had onConnect
 *  closed
 *
 *  the node drains
 *      | onDrain         once, in order
 *
 *  the node closes
 *      | onStop          once, in reverse, before its connections end
 * ```
 *
 * note: hooks of several `use` calls run in the order of those calls; `onDisconnect` and `onStop` in reverse.
 * note: a hook that throws or rejects hurts its own connection at most.
 */
export interface Hooks<In, Out = In> {
  /**
   * The node starts: with its first `listen`, when it listens; with its first `connect`, before it dials; or with `start`.
   * Each waits for the one before, and may listen, connect, and set timers.
   *
   * note: throwing, or not settling within `startTimeoutMs`, fails the start and closes the node.
   */
  onStart?(): void | Promise<void>;
  /**
   * The node drains, see `PeerNode.drain`: it lets nobody in any more. Begin nothing new for peers, or tell them to go elsewhere.
   *
   * note: a promise is waited for, together with the work that is under way. Throwing is logged and changes nothing.
   */
  onDrain?(): void | Promise<void>;
  /**
   * The node closes: ends what `onStart` began. Connections are still there, and take last words; no new ones are made.
   * It comes only where the own `onStart`, if there is one, has succeeded.
   *
   * note: all together have half of the time of `close()`. One that throws is logged, and told by the report.
   */
  onStop?(): void | Promise<void>;
  /** An inbound peer, before a byte of it is read. False refuses it. Shares the deadline of the handshake. */
  onAccept?(request: AcceptRequest): boolean | void | Promise<boolean | void>;
  /** Both directions, before any message. Throwing, or `handshake.reject(why)`, refuses. */
  onHandshake?(handshake: Handshake): void | Promise<void>;
  /**
   * The connection is usable. Reading starts when this has started; it does not wait for its promise.
   *
   * note: with several, each is started without waiting for the promise of the one before.
   * note: throwing ends the connection with `{ origin: 'on-connect' }`.
   */
  onConnect?(connection: Connection<In, Out>): void | Promise<void>;
  /**
   * One message. While the promise it may return is pending, the next one waits, undecoded; once
   * `inboundQueueBytes` wait, the peer is slowed down.
   *
   * note: what is not a promise is not awaited and costs nothing.
   * note: {@link HANDLED}, or a promise of it, keeps the message from the hooks of later `use` calls.
   * note: throwing ends the connection with `handler-error`.
   */
  onMessage?(
    message: In,
    connection: Connection<In, Out>,
  ): void | typeof HANDLED | Promise<void | typeof HANDLED>;
  /**
   * Around the `onMessage` hooks of all `use` calls, for those who measure, trace or guard them: calls `next` once, and returns
   * what that returned, or a promise of it, which is waited for as theirs. Without calling it, nobody handles the message.
   *
   * ```ts
   * aroundMessage(message, connection, next) {
   *   return storage.run({ connection: connection.id }, next);
   * }
   * ```
   *
   * note: the first of several is the outermost. Where nobody has one, it costs nothing.
   * note: it does not run where messages are asked for with `next()`, nor where nobody has an `onMessage`.
   * note: throwing counts as throwing of `onMessage`.
   */
  aroundMessage?(message: In, connection: Connection<In, Out>, next: () => unknown): unknown;
  /**
   * The peer has ended its half, and all that it had sent was handled: no message comes any more, but the peer may go on
   * reading. What this sends is flushed. When its promise has settled the connection ends, unless the node is `halfOpen`.
   *
   * note: with several, each waits for the promise of the one before. `idleTimeoutMs` bounds them, as long as nothing is sent.
   * note: where messages are asked for with `next()`, some may be left: they can be asked for here, and after it.
   * note: it does not run for a connection that ends in any other way: with an error, or by this side.
   * note: throwing ends the connection with `handler-error`.
   */
  onPeerEnd?(connection: Connection<In, Out>): void | Promise<void>;
  /**
   * The connection is ending: last words may be sent and are flushed, unless writing is what failed.
   *
   * note: hooks pair up. If the `onConnect` of an earlier `use()` ended the connection, the objects of later calls
   * get neither `onConnect` nor `onDisconnect`.
   * note: after `onDisconnectTimeoutMs` it is abandoned and the connection closes.
   */
  onDisconnect?(connection: Connection<In, Out>, reason: DisconnectReason): void | Promise<void>;
  /**
   * A hook threw. `'keep'` lets the connection live after `onConnect` or `onMessage` threw;
   * anything else leaves the hook's own rule in force.
   *
   * note: every `onError` is told; the first that returns `'keep'` or `'disconnect'` decides.
   */
  onError?(error: unknown, context: HookErrorContext<In, Out>): 'disconnect' | 'keep' | void;
}

/** A hook whose errors `onError` is told. */
export type HookName = Exclude<
  keyof Hooks<unknown>,
  'aroundMessage' | 'onError' | 'onStart' | 'onDrain' | 'onStop'
>;

/** Where an error of a hook comes from. */
export interface HookErrorContext<In = unknown, Out = In> {
  /** The hook that threw. */
  readonly hook: HookName;
  /** Absent before there is a connection: in `onAccept` and `onHandshake`. */
  readonly connection?: Connection<In, Out>;
}
