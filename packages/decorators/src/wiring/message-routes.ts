import type { Connection, StandardResult } from '@pea2pea/core';
import { isPromise, requireAtOnce, runSchema } from '@pea2pea/core/authoring';
import type { MessageFilter } from '../declarations/message-filter.js';
import type { MethodName } from '../declarations/method-site.js';
import type { Refused } from './unmatched.js';

/** Where a message may go: a method, what it takes, and how it is called. */
export interface Route {
  readonly name: MethodName;
  readonly takes: MessageFilter;
  readonly call: MessageHook;
}

/** What becomes of a message that no route takes. */
export type Otherwise = (
  message: unknown,
  connection: Connection,
  routes: readonly Route[],
  refused: Refused,
) => unknown;

export type MessageHook = (message: unknown, connection: Connection) => unknown;

/**
 * Several message methods as one hook; undefined where there is none.
 *
 * ```text
 *   one catch-all   message -> method
 *   otherwise       message -> takes it? -no-> takes it? -no-> … -> otherwise
 *                                 `-yes-> method  `-yes-> method
 * ```
 */
export function messageHook(routes: readonly Route[], otherwise: Otherwise): MessageHook | undefined {
  const [first] = routes;
  if (first === undefined) return undefined;
  if (routes.length > 1 || first.takes.by !== 'nothing') return router(routes, otherwise);
  return first.call; // nothing in between, as it is called per message
}

/** Called per message, too: what is made, a schema makes, or a promise that one returns. */
function router(routes: readonly Route[], otherwise: Otherwise): MessageHook {
  /** What schemas have against the message at hand: one list for all, as a message is routed in one turn. */
  const scratch: Refused = routes.map(() => undefined);

  const offer = (index: number, message: unknown, connection: Connection, refused: Refused): unknown => {
    if (index === routes.length) return otherwise(message, connection, routes, refused);
    const route = routes[index]!;
    const { name, takes } = route;
    switch (takes.by) {
      case 'nothing':
        return route.call(message, connection);
      case 'tag':
        if (tagOf(message, takes.key) === takes.tag) return route.call(message, connection);
        return offer(index + 1, message, connection, refused);
      case 'class':
        if (message instanceof takes.class) return route.call(message, connection);
        return offer(index + 1, message, connection, refused);
      case 'guard':
        if (asBoolean(takes.guard(message), name)) return route.call(message, connection);
        return offer(index + 1, message, connection, refused);
      case 'schema': {
        const result = runSchema(takes.schema, message, name);
        if (!isPromise(result)) return settle(index, result, message, connection, refused);
        const own = [...refused]; // other messages are routed before this one is
        return result.then((settled) =>
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
    if (result.issues === undefined) return routes[index]!.call(result.value, connection);
    refused[index] = result.issues;
    return offer(index + 1, message, connection, refused);
  };

  return (message, connection) => {
    try {
      return offer(0, message, connection, scratch);
    } finally {
      scratch.fill(undefined); // nothing of a message outlives it
    }
  };
}

/** The codec saw to it that messages are objects; `config` may have put another in its place. */
function tagOf(message: unknown, key: string): unknown {
  return typeof message === 'object' && message !== null
    ? (message as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

/** A promise is not a decision: it would be taken for true. */
function asBoolean(answer: unknown, name: MethodName): boolean {
  if (typeof requireAtOnce(`the guard of ${String(name)}()`, answer) === 'boolean') return answer as boolean;
  throw new TypeError(`the guard of ${String(name)}() returned ${typeof answer}, not true or false`);
}
