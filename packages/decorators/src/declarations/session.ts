import { declareClass, optionsOf } from './class-declaration.js';
import type { Dependencies, Dependency, InjectableDecorator } from './dependencies.js';
import { invalidDecorator } from './invalid-decorator.js';
import type { PeerBase } from './peer-class.js';

/** A class with `@Session`. */
export type SessionClass<T extends object = object> = new (...args: never) => T;

/** What `@Session` takes. */
export interface SessionOptions<List extends readonly Dependency[] = readonly Dependency[]> {
  /** What the container passes to the constructor, as in `@Peer`. {@link Connection} may be among it. */
  readonly inject?: List;
}

/**
 * The class is a session: listed in the `sessions` of a peer, it has one instance for each connection, made when the
 * handshake is over and disposed of when the connection is closed. What a protocol remembers of a connection are its
 * fields.
 *
 * ```ts
 * @Session({ inject: [Connection, Accounts] })
 * class Login {
 *   #user: string | undefined;
 *   constructor(connection: Connection<Say>, accounts: Accounts) { … }
 *
 *   @OnMessage(Credentials)
 *   async onCredentials({ name, password }: Credentials) { … }
 *
 *   [Symbol.dispose]() { … }
 * }
 *
 * @Peer({ codec, sessions: [Login] })
 * ```
 *
 * It may have `@OnConnect`, `@OnMessage`, `@OnPeerEnd`, `@OnDisconnect` and `@OnError` methods. It may inject {@link Connection}, other
 * sessions of the peer, and anything from the container; what is bound `inRequestScope()` there is made once for each
 * connection and shared by its sessions.
 *
 * note: a service that outlives the connection must not hold it: a singleton that injects `Connection` or a session,
 * itself or through others, is refused when the peer starts, with P2P_ERR_CAPTIVE_DEPENDENCY.
 * note: disposed of means: its `@preDestroy` method, then `[Symbol.asyncDispose]` or `[Symbol.dispose]`, after the last
 * `@OnDisconnect`. The node's end waits for it.
 * note: messages that arrive while a session is being made (an asynchronous binding, `@postConstruct`) wait for it.
 * note: what is said of inheritance and `inject` at {@link Peer} holds here, too.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR, P2P_ERR_MISSING_DEPENDENCY, as {@link Peer}
 */
export function Session<const List extends readonly Dependency[]>(
  options: SessionOptions<List> & { readonly inject: List },
  // The session does not know what its peer's codec carries: any connection fits.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
): InjectableDecorator<Dependencies<List, any, any>>;
export function Session(options?: { readonly inject?: never }): InjectableDecorator<never[]>;
export function Session(options: SessionOptions = {}): InjectableDecorator<never> {
  if (typeof options === 'function') {
    throw invalidDecorator('@Session is written with parentheses: @Session()');
  }
  const { inject, ...rest } = options;
  return (target: PeerBase, context?: unknown) => declareClass('session', target, context, rest, inject);
}

/** Whether `@Session` stands on `target` or a base of it. */
export function isSession(target: unknown): target is SessionClass {
  return optionsOf('session', target) !== undefined;
}
