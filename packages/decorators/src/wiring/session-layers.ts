import type { Connection, DisconnectReason, HookErrorContext, Hooks } from '@pea2pea/core';
import type { MethodName } from '../declarations/method-site.js';
import type { MessageHook } from './message-routes.js';
import { methodLayers, type MethodLayer } from './method-layers.js';
import type { Methods } from './methods.js';
import type { Part } from './part.js';
import type { Sessions } from './sessions.js';

/**
 * The hooks of sessions: one layer that makes the sessions of a connection, then those of each class, which wait for it.
 *
 * note: what their methods throw and return is the node's business, as it is with any other hook.
 */
export function sessionLayers(parts: readonly Part[], sessions: Sessions): Hooks<unknown>[] {
  return [
    { onConnect: (connection: Connection) => sessions.open(connection) },
    ...parts.flatMap(({ methods }, index) =>
      methodLayers(methods).map((layer) => sessionLayer(layer, index, sessions)),
    ),
  ];
}

/** Its hooks are those of the instance that the connection has. */
function sessionLayer(
  { onConnect, onPeerEnd, onDisconnect, onError }: MethodLayer,
  index: number,
  sessions: Sessions,
): Hooks<unknown> {
  const introduced = new WeakSet<Connection>();
  const call = (method: MethodName, connection: Connection, ...args: readonly unknown[]): unknown => {
    const instance = sessions.of(connection)?.[index];
    return instance && (instance as Methods)[method]!(...args);
  };

  const hooks: Partial<Record<keyof Hooks<unknown>, unknown>> = {};
  if (onConnect !== undefined || onDisconnect !== undefined) {
    hooks.onConnect = (connection: Connection) =>
      sessions.greet(connection, () => {
        introduced.add(connection);
        return onConnect && call(onConnect, connection, connection);
      });
  }
  if (onPeerEnd !== undefined) {
    hooks.onPeerEnd = (connection: Connection) => {
      const tell = (): unknown => call(onPeerEnd, connection, connection);
      const ready = sessions.waitFor(connection);
      return ready === undefined
        ? tell()
        : ready.then(() => (connection.state === 'open' ? tell() : undefined), ignore);
    };
  }
  if (onDisconnect !== undefined) {
    // INVARIANT: paired-hooks. Who was not told of the connection is not told of its end.
    hooks.onDisconnect = (connection: Connection, reason: DisconnectReason) =>
      introduced.has(connection) ? call(onDisconnect, connection, connection, reason) : undefined;
  }
  if (onError !== undefined) {
    hooks.onError = (error: unknown, context: HookErrorContext) =>
      context.connection && call(onError, context.connection, error, context);
  }
  return hooks as Hooks<unknown>;
}

/** Messages wait for the sessions of their connection; where it ends meanwhile, they are dropped. */
export function whenReady(sessions: Sessions, hook: MessageHook): MessageHook {
  return (message, connection) => {
    const ready = sessions.waitFor(connection);
    if (ready === undefined) return hook(message, connection);
    return ready.then(
      () => (connection.state === 'open' ? hook(message, connection) : undefined),
      (error: unknown) => {
        if (connection.state === 'open') throw error;
      },
    );
  };
}

/** What kept the sessions from being made has ended their connection. */
function ignore(): void {}
