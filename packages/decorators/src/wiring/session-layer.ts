import type { Connection, DisconnectReason, HookErrorContext, Hooks } from '@pea2pea/core';
import type { MethodName } from '../declarations/method-site.js';
import { eachDespiteErrors } from './each-despite-errors.js';
import type { MessageHook } from './message-routes.js';
import { checkFields, type Methods } from './methods.js';
import type { Part } from './part.js';
import type { Sessions } from './sessions.js';

/** A session's hooks are those of the instances that the connection has. */
export function sessionLayer(parts: readonly Part[], sessions: Sessions): Hooks<unknown> {
  const calls = <Hook extends 'onConnect' | 'onDisconnect' | 'onError'>(hook: Hook) =>
    parts.flatMap(({ methods }, index) =>
      methods.flatMap((method) => (method.hook === hook ? [{ index, name: method.name }] : [])),
    );
  const [onConnect, onDisconnect, onError] = [
    calls('onConnect'),
    calls('onDisconnect').reverse(),
    calls('onError'),
  ];
  const call = (
    instances: readonly object[],
    { index, name }: { readonly index: number; readonly name: MethodName },
    ...args: readonly unknown[]
  ): unknown => (instances[index] as Methods)[name]!(...args);

  return {
    onConnect: (connection: Connection) =>
      sessions.open(connection, (instances) => {
        instances.forEach((instance, index) => checkFields(instance as Methods, parts[index]!.methods));
        return allBegun(onConnect.map((method) => () => call(instances, method, connection)));
      }) as Promise<void>,
    onDisconnect: async (connection: Connection, reason: DisconnectReason) => {
      const instances = sessions.of(connection);
      if (instances === undefined) return;
      await eachDespiteErrors(
        onDisconnect.map((method) => () => call(instances, method, connection, reason)),
      );
    },
    onError: (error: unknown, context: HookErrorContext) => {
      if (context.connection === undefined) return undefined;
      sessions.heardOf(error, context.connection);
      let decision: 'keep' | 'disconnect' | undefined;
      for (const method of onError) {
        const instances = sessions.of(context.connection);
        if (instances === undefined) break;
        const answer = call(instances, method, error, context) as typeof decision;
        decision ??= answer;
      }
      return decision;
    },
  };
}

/** Messages wait for the sessions of their connection; where it ends meanwhile, they are dropped. */
export function whenReady(sessions: Sessions, hook: MessageHook): MessageHook {
  const deliver: MessageHook = (message, connection) => {
    const ready = sessions.waitFor(connection);
    if (ready === undefined) return hook(message, connection);
    return ready.then(() => (connection.state === 'open' ? deliver(message, connection) : undefined));
  };
  return deliver;
}

/** Begins all of `calls` in this turn; settles as all of them do, or the first that fails. */
async function allBegun(calls: readonly (() => unknown)[]): Promise<void> {
  await Promise.all(calls.map((call) => new Promise((resolve) => resolve(call()))));
}
