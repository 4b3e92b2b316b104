import type { Connection, PluginKey } from '@pea2pea/core';

/** A method with a mark, found on a plugin, a session class or the peer. */
export interface MarkedMethod<T> {
  /** The name for messages: `ChatPeer.onTopic`. */
  readonly name: string;
  /** What its decorator said. */
  readonly value: T;
  /**
   * Calls it: on the plugin or the peer, or on the session of `connection`. Returns what it returns.
   *
   * note: where the session is still being made, that is a promise.
   * @throws what it throws; {PeerError} P2P_ERR_NO_SESSION, P2P_ERR_DISCONNECTED where the connection has no session
   */
  call(connection: Connection, ...args: readonly unknown[]): unknown;
}

/** A plugin that is a class of hooks, and how it is given the methods with a mark. */
export interface MarkServer<T, P extends object = never> {
  /** The plugin, as `node.plugin` takes it. */
  readonly plugin: PluginKey<P>;
  /** Called once, when the peer is made, in the order in which hooks run: plugins, sessions, the peer. */
  serve(plugin: P, methods: readonly MarkedMethod<T>[]): void;
}

/** Names a kind of method that a plugin calls, and the type of what its decorator says about each. */
export interface MethodMark<T> {
  /** The decorator, as users write it: `@OnTopic`. */
  readonly decorator: string;
  /** The class of hooks that receives the methods, where one does. */
  readonly server: MarkServer<T> | undefined;
  /** Type only; never present. */
  readonly valueType?: T;
}

/**
 * A new mark, for a plugin with decorators of its own; {@link markedBy} makes the decorators.
 *
 * ```ts
 * const TOPIC = methodMark<string>('@OnTopic');
 *
 * export const OnTopic = (topic: string) => markedBy<string, [text: string, connection: ConnectionArgument]>(TOPIC, topic);
 *
 * @Plugin({ inject: [MarkedMethods] })
 * class Topics {
 *   constructor(methods: MarkedMethods) { this.#methods = methods.of(TOPIC); }
 * }
 * ```
 *
 * @param server for a plugin that is a class of hooks, and knows nothing of decorators:
 * `methodMark<string, Topics>('@OnTopic', { plugin: topics, serve: (plugin, methods) => … })`
 */
export function methodMark<T, P extends object = never>(
  decorator: string,
  server?: MarkServer<T, P>,
): MethodMark<T> {
  return Object.freeze({ decorator, server: server as MarkServer<T> | undefined });
}
