import type { Connection } from '@pea2pea/core';
import type { MethodMark } from '../declarations/method-mark.js';
import { invalidDecorator } from '../declarations/invalid-decorator.js';
import type { MethodName } from '../declarations/method-site.js';
import type { Blueprint } from './blueprint.js';
import type { Part } from './part.js';
import type { Methods } from './methods.js';
import type { Sessions } from './sessions.js';

/** A method with a mark, found on a plugin, a session class or the peer. */
export interface MarkedMethod<T> {
  /** For texts: `ChatPeer.onTopic`. */
  readonly name: string;
  /** What its decorator said. */
  readonly value: T;
  /**
   * Calls it: on the plugin or the peer, or on the session of `connection`. Answers what it answers.
   *
   * note: where the session is still being made, what is answered is a promise.
   * @throws what it throws; {PeerError} P2P_ERR_NO_SESSION, P2P_ERR_DISCONNECTED where the connection has no session
   */
  call(connection: Connection, ...args: readonly unknown[]): unknown;
}

/**
 * The methods of a peer that carry a mark, for the plugin whose mark it is: `@Plugin({ inject: [MarkedMethods] })`. See
 * {@link methodMark}.
 *
 * note: which there are is known from the start; they can be called once the peer is made.
 */
export class MarkedMethods {
  readonly #blueprint: Blueprint;
  readonly #read = new Set<MethodMark<unknown>>();
  #instanceOf: ((part: Part) => object) | undefined;
  #sessions: Sessions | undefined;

  constructor(blueprint: Blueprint) {
    this.#blueprint = blueprint;
  }

  /** In the order in which hooks run: plugins, sessions, then the peer. */
  of<T>(mark: MethodMark<T>): readonly MarkedMethod<T>[] {
    this.#read.add(mark);
    const { plugins, sessions, peer } = this.#blueprint;
    const shared = (part: Part) => this.#methodsOf<T>(mark, part, () => this.#instanceOf!(part));
    const perConnection = sessions.flatMap((part, index) =>
      this.#methodsOf<T>(mark, part, (connection) => this.#sessions!.at(connection, index)),
    );
    return [
      ...plugins.flatMap(shared),
      ...[...perConnection, ...shared(peer)].map((method) => this.#whenReady(method)),
    ];
  }

  /** As messages do, calls wait for the sessions of their connection. */
  #whenReady<T>(method: MarkedMethod<T>): MarkedMethod<T> {
    if (this.#blueprint.sessions.length === 0) return method;
    return {
      ...method,
      call: (connection, ...args) => {
        const ready = this.#sessions!.waitFor(connection);
        if (ready === undefined) return method.call(connection, ...args);
        return ready.then(() => {
          void this.#sessions!.waitFor(connection); // throws where making them failed
          return method.call(connection, ...args);
        });
      },
    };
  }

  /**
   * All is made: methods can be called.
   * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when a method has a mark that no plugin has asked for
   */
  connect(instanceOf: (part: Part) => object, sessions: Sessions | undefined): void {
    this.#instanceOf = instanceOf;
    this.#sessions = sessions;
    const { plugins, sessions: sessionParts, peer } = this.#blueprint;
    for (const { name, methods } of [...plugins, ...sessionParts, peer]) {
      for (const method of methods) {
        if (method.hook !== 'marked' || this.#read.has(method.mark)) continue;
        throw invalidDecorator(
          `${name}.${String(method.name)}() has ${method.mark.decorator}, but none of the plugins of ${peer.name} ` +
            `knows it; list the plugin that it belongs to`,
        );
      }
    }
  }

  #methodsOf<T>(
    mark: MethodMark<T>,
    { name: owner, methods }: Part,
    instanceFor: (connection: Connection) => object,
  ): MarkedMethod<T>[] {
    return methods.flatMap((method) => {
      if (method.hook !== 'marked' || method.mark !== mark) return [];
      const name: MethodName = method.name;
      return [
        {
          name: `${owner}.${String(name)}`,
          value: method.value as T,
          call: (connection: Connection, ...args: readonly unknown[]) =>
            (instanceFor(connection) as Methods)[name]!(...args),
        },
      ];
    });
  }
}
