import type { Connection } from '@pea2pea/core';
import type { HookMethod, MessageMethod } from './hook-methods.js';
import type { MethodName } from './method-site.js';
import type { StandardResult } from './standard-schema.js';
import type { Refused, UnmatchedMessages } from './unmatched.js';

/** A peer, seen as its methods. They are looked up when they are called, so that one replaced in a test is called. */
export type Methods = Record<MethodName, (...args: readonly unknown[]) => unknown>;

type MessageHook = (message: unknown, connection: Connection) => unknown;

/**
 * The message methods of `peer` as one hook; undefined where it has none.
 *
 * ```text
 *   one catch-all   message -> method
 *   otherwise       message -> takes it? -no-> takes it? -no-> … -> unmatched
 *                                 `-yes-> method  `-yes-> method
 * ```
 */
export function messageHook(
  peer: Methods,
  methods: readonly HookMethod[],
  unmatched: UnmatchedMessages,
): MessageHook | undefined {
  const routes = methods.filter((method) => method.hook === 'onMessage');
  const [first] = routes;
  if (first === undefined) return undefined;
  if (routes.length > 1 || first.takes.by !== 'nothing') return router(peer, routes, unmatched);
  const { name } = first;
  // Called per message: nothing but the call, no promise and no closure made.
  return (message, connection) => peer[name]!(message, connection);
}

/** Called per message, too: what is made, a schema makes, or a promise that one answers. */
function router(peer: Methods, routes: readonly MessageMethod[], unmatched: UnmatchedMessages): MessageHook {
  /** What schemas have against the message at hand: one list for all, as a message is routed in one turn. */
  const scratch: Refused = routes.map(() => undefined);

  const offer = (index: number, message: unknown, connection: Connection, refused: Refused): unknown => {
    if (index === routes.length) return unmatched.take(message, connection, routes, refused);
    const { name, takes } = routes[index]!;
    switch (takes.by) {
      case 'nothing':
        return peer[name]!(message, connection);
      case 'class':
        if (message instanceof takes.class) return peer[name]!(message, connection);
        return offer(index + 1, message, connection, refused);
      case 'guard':
        if (asBoolean(takes.guard(message), name)) return peer[name]!(message, connection);
        return offer(index + 1, message, connection, refused);
      case 'schema': {
        const result = takes.standard.validate(message);
        if (!isPromise(result)) return settle(index, result, message, connection, refused);
        const own = [...refused]; // other messages are routed before this one is
        return Promise.resolve(result).then((settled) =>
          // A message of a connection that has ended is dropped, as those that wait for their turn are.
          connection.state === 'open' ? settle(index, settled, message, connection, own) : undefined,
        );
      }
    }
  };

  const settle = (
    index: number,
    result: StandardResult<unknown>,
    message: unknown,
    connection: Connection,
    refused: Refused,
  ): unknown => {
    const { name } = routes[index]!;
    if (result.issues) {
      refused[index] = result.issues;
      return offer(index + 1, message, connection, refused);
    }
    if ('value' in result) return peer[name]!(result.value, connection);
    throw new TypeError(`the schema of ${String(name)}() answered neither a value nor issues`);
  };

  return (message, connection) => {
    try {
      return offer(0, message, connection, scratch);
    } finally {
      scratch.fill(undefined); // nothing of a message outlives it
    }
  };
}

/** A promise is no answer: it would be taken for true. */
function asBoolean(answer: unknown, name: MethodName): boolean {
  if (typeof answer === 'boolean') return answer;
  throw new TypeError(`the guard of ${String(name)}() answered ${typeof answer}, not true or false`);
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
