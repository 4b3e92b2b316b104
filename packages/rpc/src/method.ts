import type { SchemaInput, SchemaOutput, StandardSchemaV1 } from '@pea2pea/core';
import { invalidConfig, isStandardSchema } from '@pea2pea/core/authoring';

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
 * A method, for both sides: the one serves it with `Requests.serve` or `@OnRequest`, the other calls it with `Requests.call`.
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
 * note: what is sent is what the codec makes of it: with `json()` a Date arrives as a string. Undefined as a result
 * arrives as null.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when the name is not a string, or a schema is not one
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
    throw invalidConfig(`the name of a method must be a string, not empty`);
  for (const [what, schema] of Object.entries({ params, result })) {
    if (schema === undefined || isStandardSchema(schema)) continue;
    throw invalidConfig(`\`${what}\` of the method '${name}' must be a Standard Schema of version 1`);
  }
  return Object.freeze({ name, params, result });
}

/** By what it has, so that one made by another copy of this package is one, too. */
export function isMethod(value: unknown): value is Method {
  return typeof value === 'object' && value !== null && 'params' in value && 'result' in value;
}
