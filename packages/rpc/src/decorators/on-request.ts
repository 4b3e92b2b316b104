import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { markedBy, methodMark, type ConnectionArgument, type HookDecorator } from '@pea2pea/decorators';
import { isMethod, type Method } from '../method.js';
import type { RequestContext } from '../request-context.js';
import { Requests } from '../requests.js';

/** The mark of methods that serve requests. */
const ON_REQUEST = methodMark<Method, Requests>('@OnRequest', {
  plugin: Requests,
  serve: (requests, methods) => {
    for (const [index, method] of methods.entries()) {
      const { name, value } = method;
      const other = methods.slice(0, index).find((earlier) => earlier.value.name === value.name);
      if (other !== undefined) {
        const what = `${other.name}() and ${name}() both serve '${value.name}'; remove one of them, or give it a method of another name`;
        throw new PeerError('P2P_ERR_INVALID_DECORATOR', what);
      }
      requests.serve(
        value,
        (params, connection, request) => method.call(connection, params, connection, request),
        name,
      );
    }
  },
});

/**
 * Marks a method that serves the requests for `served`: `(params, connection, request) => result`, or a promise of it. It may be a
 * method of the peer, a session or a plugin; the peer must list {@link requests} among its plugins.
 *
 * ```ts
 * @OnRequest(add)
 * add({ a, b }: { a: number; b: number }) { return a + b; }
 * ```
 *
 * note: requests are served concurrently, started in the order of their arrival; messages do not wait for them. A method
 * that needs one request to finish before the next has to see to that itself.
 * note: a `RequestError` that the method throws is sent to the caller. For any other error the caller gets an internal
 * error without details, and the error is logged here.
 * note: once the connection has ended, the result cannot be sent; `connection.signal` aborts then.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR on anything but a public instance method; and when the peer starts, for
 * two methods that serve the same name, or a peer without the plugin
 */
export function OnRequest<Params, SentResult>(
  served: Method<Params, unknown, unknown, SentResult>,
): HookDecorator<
  [params: Params, connection: ConnectionArgument, request: RequestContext],
  SentResult | Promise<SentResult>
> {
  // Without parentheses it is called with the method it stands on; with circular imports, with undefined.
  if (!isMethod(served)) {
    throw new PeerError(
      'P2P_ERR_INVALID_DECORATOR',
      `@OnRequest takes a method made by method(), not ${describe(served)}: write @OnRequest(add), with add = method('add')`,
    );
  }
  return markedBy(ON_REQUEST, served);
}
