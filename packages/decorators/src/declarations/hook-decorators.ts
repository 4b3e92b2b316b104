import type { AcceptRequest, Connection, DisconnectReason, Handshake, HookErrorContext } from '@pea2pea/core';
import { addRole, type PlainRole } from './hook-methods.js';
import { invalidDecorator } from './invalid-decorator.js';
import type { MethodMark } from './method-mark.js';

/**
 * A decorator of a public instance method that takes `Args`, or fewer, and returns an `Answer`.
 * The first form is that of standard (TC39) decorators, the second that of `experimentalDecorators`.
 */
export interface HookDecorator<Args extends readonly unknown[], Answer = unknown> {
  <This, Method extends (this: This, ...args: Args) => Answer>(
    method: Method,
    context: ClassMethodDecoratorContext<This, Method>,
  ): void;
  <Method extends (...args: Args) => Answer>(
    prototype: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void;
}

/**
 * A connection that fits a parameter `Connection<In, Out>` of any peer: it returns nothing wrong
 * and takes everything. Where no codec is named there is nothing to check a method against.
 */
export type ConnectionArgument = Connection<never, unknown>;

/**
 * The method is asked about every inbound peer before a byte of it is read: `(request) => boolean`.
 * False refuses; anything else lets in. See `Hooks.onAccept`.
 *
 * note: with several of them, the first refusal decides.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const OnAccept: () => HookDecorator<
  [request: AcceptRequest],
  boolean | void | Promise<boolean | void>
> = hookDecorator('OnAccept', 'onAccept');

/**
 * The method has the raw stream of every new connection, both directions, before any message:
 * `(handshake) => void`. It throws, or calls `handshake.reject(why)`, to refuse. See `Hooks.onHandshake`.
 *
 * note: an `async` method is awaited; `handshakeTimeoutMs` bounds it.
 * note: several of them run one after the other, as they are declared.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const OnHandshake: () => HookDecorator<[handshake: Handshake]> = hookDecorator(
  'OnHandshake',
  'onHandshake',
);

/**
 * The method hears of every connection that has become usable: `(connection) => void`. See `Hooks.onConnect`.
 *
 * note: reading starts when the method has started; messages do not wait for its promise.
 * note: throwing ends the connection, unless an `@OnError` method returns `'keep'`.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const OnConnect: () => HookDecorator<[connection: ConnectionArgument]> = hookDecorator(
  'OnConnect',
  'onConnect',
);

/**
 * The method is around the handling of every message: `(message, connection, next) => unknown`. It calls `next` once, and returns
 * what that returned, or a promise of it. See `Hooks.aroundMessage`.
 *
 * ```ts
 * @AroundMessage()
 * within(_message: unknown, connection: Connection, next: () => unknown) {
 *   return storage.run({ connection: connection.id }, next);
 * }
 * ```
 *
 * note: it is around all `@OnMessage` methods, those of sessions and plugins included, before schemas and classes choose among them.
 * The first of several is the outermost.
 * note: without a call of `next`, nobody handles the message. If `next` returned a promise and the method returns something else,
 * the next message does not wait.
 * note: it belongs on a peer or a plugin. It costs one closure a message, and nothing if nobody has one.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const AroundMessage: () => HookDecorator<
  [message: never, connection: ConnectionArgument, next: () => unknown]
> = hookDecorator('AroundMessage', 'aroundMessage');

/**
 * The method hears of every peer that has ended its half, when all that it had sent was handled: `(connection) => void`. What it
 * sends is flushed. See `Hooks.onPeerEnd`.
 *
 * note: the connection ends when its promise has settled, unless the peer is `halfOpen`.
 * note: several of them run one after the other, as they are declared.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const OnPeerEnd: () => HookDecorator<[connection: ConnectionArgument]> = hookDecorator(
  'OnPeerEnd',
  'onPeerEnd',
);

/**
 * The method hears of every connection that ends: `(connection, reason) => void`. See `Hooks.onDisconnect`.
 *
 * note: last words may be sent; `onDisconnectTimeoutMs` bounds the method.
 * note: several of them run in reverse, the last declared first: a subclass lets go before its base.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const OnDisconnect: () => HookDecorator<[connection: ConnectionArgument, reason: DisconnectReason]> =
  hookDecorator('OnDisconnect', 'onDisconnect');

/**
 * The method hears of every hook that threw or rejected: `(error, context) => 'keep' | 'disconnect' | void`.
 * `'keep'` lets the connection live. See `Hooks.onError`.
 *
 * note: what it returns decides at once, so it must not be `async`.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const OnError: () => HookDecorator<
  [error: unknown, context: HookErrorContext<never, unknown>],
  'keep' | 'disconnect' | void
> = hookDecorator('OnError', 'onError');

/**
 * The method runs when the peer is up, all hooks in force, and listening where it is told to: `() => void`. The place to
 * dial from, or to start a timer. On a service of {@link createApp} it runs when the peers are up.
 *
 * note: awaited, plugins first, in order, then the peer. If one throws, what was started is stopped, in reverse, and
 * the start fails with what was thrown.
 * note: for a session, use `@OnConnect`.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const OnStart: () => HookDecorator<[]> = hookDecorator('OnStart', 'onStart');

/**
 * The method runs when the peer drains: `() => void`. Nobody is let in any more; begin nothing new for peers, or tell them to
 * go elsewhere. See `Hooks.onDrain`.
 *
 * note: its promise is waited for, together with the work that is under way.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const OnDrain: () => HookDecorator<[]> = hookDecorator('OnDrain', 'onDrain');

/**
 * The method runs when the peer is about to close, with its connections still open: `() => void`. The place to cancel
 * what `@OnStart` began. Nothing is closed before its promise settles, or `closeTimeoutMs` has passed.
 *
 * note: the peer first, then plugins, in reverse.
 * note: `PeerHandle.close` runs it; `PeerNode.close` does not.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method
 */
export const OnStop: () => HookDecorator<[]> = hookDecorator('OnStop', 'onStop');

/**
 * A decorator that marks a method for a plugin, which finds it among its {@link MarkedMethods}.
 *
 * @param value what the decorator says about this method
 */
export function markedBy<T, Args extends readonly unknown[], Answer = unknown>(
  mark: MethodMark<T>,
  value: T,
): HookDecorator<Args, Answer> {
  return (...site: readonly unknown[]) => addRole(mark.decorator, { hook: 'marked', mark, value }, site);
}

function hookDecorator(name: string, hook: PlainRole['hook']): () => HookDecorator<never, never> {
  return (...args: readonly unknown[]) => {
    // Without its parentheses the decorator itself is called with what it stands on.
    if (args.length > 0) throw invalidDecorator(`@${name} takes no arguments`, `write @${name}()`);
    return (...site: readonly unknown[]) => addRole(`@${name}`, { hook }, site);
  };
}
