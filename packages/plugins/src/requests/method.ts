import {
  describe,
  PeerError,
  type SchemaInput,
  type SchemaOutput,
  type StandardSchemaV1,
} from '@pea2pea/core';
import { markedBy, methodMark, type AnyConnection, type HookDecorator } from '@pea2pea/decorators';
import { invalid } from '../shared/checks.js';

/** What JSON-RPC lets params be: an object, or a list; or there are none. */
export type Structured = object | undefined | void;

/**
 * A method that peers may call on each other: its name, and the types on both sides. {@link method} makes one.
 *
 * ```text
 *   caller -- SentParams --> params schema -- Params --> handler
 *   caller <-- Result -- result schema <-- SentResult -- handler
 * ```
 */
export interface Method<Params = unknown, Result = unknown, SentParams = unknown, SentResult = unknown> {
  readonly name: string;
  /** Validates what arrives at the handler. */
  readonly params: StandardSchemaV1 | undefined;
  /** Validates what arrives at the caller. */
  readonly result: StandardSchemaV1 | undefined;
  /** Never present; tells the compiler. */
  readonly types?: {
    readonly params: Params;
    readonly result: Result;
    readonly sentParams: SentParams;
    readonly sentResult: SentResult;
  };
}

/**
 * A method, for both sides: the one serves it with {@link OnRequest}, the other calls it with `Requests.call`.
 *
 * ```ts
 * method<Sum, number>('add');                                // params, result: trusted, nothing is checked
 * method<Sum, number>('add', { params: sum });               // params are checked, by any Standard Schema
 * method('add', { params: z.object({ … }), result: z.number() }); // both are checked; the types are those of the schemas
 * ```
 *
 * note: a schema may be asynchronous, and may change what it validates. Params are validated where they arrive, before
 * the handler; a result where it arrives, before the caller has it.
 * note: where no types are named, and a schema is left out, there are no params, and the result is `unknown`.
 * note: what is sent is what the codec makes of it: with `json()` a Date arrives as a text. Undefined as a result
 * arrives as null.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when the name is no text, or a schema is none
 */
export function method<
  Params extends StandardSchemaV1<Structured, unknown> = StandardSchemaV1<void, void>,
  Result extends StandardSchemaV1 = StandardSchemaV1,
>(
  name: string,
  schemas: { readonly params?: Params; readonly result?: Result },
): Method<SchemaOutput<Params>, SchemaOutput<Result>, SchemaInput<Params>, SchemaInput<Result>>;
export function method<Params extends Structured = void, Result = unknown>(
  name: string,
  schemas?: { readonly params?: StandardSchemaV1<Params>; readonly result?: StandardSchemaV1<Result> },
): Method<Params, Result, Params, Result>;
export function method(
  name: string,
  { params, result }: { readonly params?: StandardSchemaV1; readonly result?: StandardSchemaV1 } = {},
): Method {
  if (typeof name !== 'string' || name === '') throw invalid(`the name of a method must be a text`);
  for (const [what, schema] of Object.entries({ params, result })) {
    if (schema === undefined || isSchema(schema)) continue;
    throw invalid(`\`${what}\` of the method '${name}' must be a Standard Schema of version 1`);
  }
  return Object.freeze({ name, params, result });
}

/** Marks the methods that serve requests. */
export const ON_REQUEST = methodMark<Method>('@OnRequest');

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

/** By what it has, so that one made by another copy of this package is one, too. */
function isMethod(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'params' in value && 'result' in value;
}

function isSchema(value: unknown): boolean {
  const { '~standard': standard } = Object(value) as { readonly '~standard'?: unknown };
  const { version, validate } = Object(standard) as {
    readonly version?: unknown;
    readonly validate?: unknown;
  };
  return version === 1 && typeof validate === 'function';
}
