import type { Codec, StandardSchemaV1 } from '@pea2pea/core';
import { isStandardSchema, requireKnown } from '@pea2pea/core/authoring';
import type { ObjectLimitOptions } from './object-limit.js';
import type { OutboundOptions } from './outbound.js';
import { validated } from './validated.js';

/** Options of a message format with a schema. */
export interface SchemaFormatOptions extends ObjectLimitOptions, OutboundOptions {}

/** `(framing?, options?)`, or the same after a schema. */
export type FormatArguments<Framing> = readonly [
  first?: Framing | StandardSchemaV1,
  second?: Framing | ObjectLimitOptions,
  third?: SchemaFormatOptions,
];

/**
 * A message format that takes a schema before its other arguments, or none: `make` says what it is over a framing,
 * `fallback` which one it takes if none is given.
 */
export function schemaFirst<Framing>(
  args: FormatArguments<Framing>,
  fallback: () => Framing,
  make: (framing: Framing, options: ObjectLimitOptions | undefined) => Codec<unknown>,
): Codec<unknown> {
  const [first, second, third = {}] = args;
  if (!isStandardSchema(first)) {
    return make(first ?? fallback(), second as ObjectLimitOptions | undefined);
  }
  requireKnown('the options of a message format', third, ['maxObjects', 'checkOutbound']);
  const { checkOutbound, ...options } = third;
  const codec = make((second as Framing | undefined) ?? fallback(), options);
  return validated(codec, first, checkOutbound === undefined ? {} : { checkOutbound });
}
