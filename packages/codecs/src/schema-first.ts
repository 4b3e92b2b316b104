import type { Codec, StandardSchemaV1 } from '@pea2pea/core';
import { isStandardSchema } from './standard-schema.js';
import { validated } from './validated.js';

/**
 * A message format whose arguments are a framing, a schema, or a schema and a framing: `make` says what it is over a
 * framing, `fallback` which one it takes if none is given.
 */
export function schemaFirst<Framing>(
  first: Framing | StandardSchemaV1 | undefined,
  second: Framing | undefined,
  fallback: () => Framing,
  make: (framing: Framing) => Codec<unknown>,
): Codec<unknown> {
  return isStandardSchema(first) ? validated(make(second ?? fallback()), first) : make(first ?? fallback());
}
