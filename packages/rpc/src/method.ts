import type { SchemaInput, SchemaOutput, StandardSchemaV1 } from '@pea2pea/core';
import { invalidConfig, isStandardSchema } from '@pea2pea/core/authoring';

/** The params that JSON-RPC allows: an object, an array, or none. */
export type Structured = object | undefined | void;

/**
 * A method that peers can call on each other: its name, and its types on both sides. {@link method} makes one.
 *
 * ```text
 *   caller -- SentParams --> params schema -- Params --> handler
 *   caller <-- Result -- result schema <-- SentResult -- handler
 * ```
 */
export interface Method<Params = unknown, Result = unknown, SentParams = unknown, SentResult = unknown> {
  /** The name that is sent. */
  readonly name: string;
  /** The schema for params that arrive at the handler; undefined to trust them. */
  readonly params: StandardSchemaV1 | undefined;
  /** The schema for a result that arrives at the caller; undefined to trust it. */
  readonly result: StandardSchemaV1 | undefined;
  /** For the compiler only; never present. */
  readonly types?: {
    /** The params as the handler takes them. */
    readonly params: Params;
    /** The result as the caller gets it. */
    readonly result: Result;
    /** The params as the caller gives them. */
    readonly sentParams: SentParams;
    /** The result as the handler returns it. */
    readonly sentResult: SentResult;
  };
}

/**
 * Declares a method for both sides: one serves it with `Requests.serve` or `@OnRequest`, the other calls it with
 * `Requests.call`.
 *
 * ```ts
 * method<Sum, number>('add');                                     // params and result are trusted, not checked
 * method<Sum, number>('add', { params: sum });                    // params are checked, by any Standard Schema
 * method('add', { params: z.object({ … }), result: z.number() }); // both are checked; the schemas have the types
 * ```
 *
 * note: a schema may be asynchronous, and may transform the value. Params are validated on the side that serves, before
 * the handler runs; a result on the side that called, before the call resolves.
 * note: without types and without a schema, the method takes no params, and its result is `unknown`.
 * note: values arrive as the codec carries them: with `json()`, a Date arrives as a string. A result of undefined arrives
 * as null.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when the name is not a string, or is empty, or a schema is not a Standard Schema
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
  if (typeof name !== 'string' || name === '')
    throw invalidConfig('the name of a method must be a string that is not empty');
  for (const [what, schema] of Object.entries({ params, result })) {
    if (schema === undefined || isStandardSchema(schema)) continue;
    throw invalidConfig(`\`${what}\` of the method '${name}' must be a Standard Schema of version 1`);
  }
  return Object.freeze({ name, params, result });
}

/** Whether `value` is a method, also one made by another copy of this package. */
export function isMethod(value: unknown): value is Method {
  return typeof value === 'object' && value !== null && 'params' in value && 'result' in value;
}
