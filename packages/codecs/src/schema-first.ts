import type { Codec, StandardSchemaV1 } from '@pea2pea/core';
import { isStandardSchema } from '@pea2pea/core/authoring';
import { validated } from './validated.js';

/** `(framing?, options?)`, or the same after a schema. */
export type FormatArguments<Framing, Options> = readonly [
  first?: Framing | StandardSchemaV1,
  second?: Framing | Options,
  third?: Options,
];

/**
 * A message format that takes a schema before its other arguments, or none: `make` says what it is over a framing,
 * `fallback` which one it takes if none is given.
 */
export function schemaFirst<Framing, Options>(
  args: FormatArguments<Framing, Options>,
  fallback: () => Framing,
  make: (framing: Framing, options: Options | undefined) => Codec<unknown>,
): Codec<unknown> {
  const [first, ...others] = args;
  const schema = isStandardSchema(first) ? first : undefined;
  const [framing, options] = (schema === undefined ? args : others) as readonly [Framing?, Options?];
  const codec = make(framing ?? fallback(), options);
  return schema === undefined ? codec : validated(codec, schema);
}
