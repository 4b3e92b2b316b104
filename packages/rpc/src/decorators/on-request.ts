import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { markedBy, methodMark, type AnyConnection, type HookDecorator } from '@pea2pea/decorators';
import { isMethod, type Method } from '../method.js';
import { Requests } from '../requests.js';

/** Marks the methods that serve requests. */
const ON_REQUEST = methodMark<Method, Requests>('@OnRequest', {
  plugin: Requests,
  serve: (requests, methods) => {
    for (const [index, method] of methods.entries()) {
      const { name, value } = method;
      const other = methods.slice(0, index).find((earlier) => earlier.value.name === value.name);
      if (other !== undefined) {
        const what = `${other.name}() and ${name}() both serve '${value.name}'; leave one of them, or give it a method of another name`;
        throw new PeerError('P2P_ERR_INVALID_DECORATOR', what);
      }
      requests.serve(value, (params, connection) => method.call(connection, params, connection), name);
    }
  },
});

/**
 * The method serves the requests for `served`: `(params, connection) => result`, or a promise of it. It may stand on
 * the peer, a session or a plugin, where the peer lists {@link requests} among its plugins.
 *
 * ```ts
 * @OnRequest(add)
 * add({ a, b }: { a: number; b: number }) { return a + b; }
 * ```
 *
 * note: requests are served side by side, begun in the order of their arrival; none holds up a message. What belongs
 * together in time is for the method to put in order.
 * note: a `RequestError` that it throws is what the caller is told. Anything else is an 'internal error' to the caller,
 * and a line in our log.
 * note: once the connection has ended nobody hears the answer; `connection.signal` tells.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method; and when the
 * peer starts: two methods that serve the same name, or a peer without the plugin
 */
export function OnRequest<Params, SentResult>(
  served: Method<Params, unknown, unknown, SentResult>,
): HookDecorator<[params: Params, connection: AnyConnection], SentResult | Promise<SentResult>> {
  // Without its parentheses it is called with what it stands on; two modules that import each other leave undefined.
  if (!isMethod(served)) {
    throw new PeerError(
      'P2P_ERR_INVALID_DECORATOR',
      `@OnRequest takes what method() answered, not ${describe(served)}: write @OnRequest(add), with add = method('add')`,
    );
  }
  return markedBy(ON_REQUEST, served);
}
