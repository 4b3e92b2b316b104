import type { Connection } from '@pea2pea/core';
import type { MarkedMethod, MethodMark } from '../declarations/method-mark.js';
import { invalidDecorator } from '../declarations/invalid-decorator.js';
import type { MethodName } from '../declarations/method-site.js';
import type { Blueprint } from './blueprint.js';
import type { Part } from './part.js';
import type { Methods } from './methods.js';
import type { Sessions } from './sessions.js';

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
        return ready.then(() => method.call(connection, ...args));
      },
    };
  }

  /**
   * All is made: methods can be called, and are given to the plugins that they are for.
   * @throws what such a plugin throws
   * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when a method has a mark that no plugin has asked for
   */
  connect(instanceOf: (part: Part) => object, sessions: Sessions | undefined): void {
    this.#instanceOf = instanceOf;
    this.#sessions = sessions;
    const { plugins, sessions: sessionParts, peer } = this.#blueprint;
    this.#serve(plugins.map(instanceOf));
    for (const { name, methods } of [...plugins, ...sessionParts, peer]) {
      for (const method of methods) {
        if (method.hook !== 'marked' || this.#read.has(method.mark)) continue;
        throw invalidDecorator(
          `${name}.${String(method.name)}() has ${method.mark.decorator}, but none of the plugins of ${peer.name} ` +
            `knows it`,
          'list the plugin that it belongs to',
        );
      }
    }
  }

  #serve(plugins: readonly object[]): void {
    const { plugins: parts, sessions, peer } = this.#blueprint;
    const methods = [...parts, ...sessions, peer].flatMap((part) => part.methods);
    for (const mark of new Set(
      methods.flatMap((method) => (method.hook === 'marked' ? [method.mark] : [])),
    )) {
      if (mark.server === undefined) continue;
      const key = mark.server.plugin;
      const Class = 'class' in key ? key.class : key;
      const plugin = plugins.find((each) => each instanceof Class);
      if (plugin !== undefined) mark.server.serve(plugin, this.of(mark));
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
