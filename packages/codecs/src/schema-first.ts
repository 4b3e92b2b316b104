import type { Codec, StandardSchemaV1 } from '@pea2pea/core';
import { isStandardSchema, requireKnown } from '@pea2pea/core/authoring';
import type { ObjectLimitOptions } from './object-limit.js';
import type { OutboundOptions } from './outbound.js';
import { validated } from './validated.js';

/** Options of a message format with a schema. */
export interface SchemaFormatOptions extends ObjectLimitOptions, OutboundOptions {}

/** `(framing?, options?)`, or the same after a schema. */
export type FormatArguments<Framing, Options = ObjectLimitOptions> = readonly [
  first?: Framing | StandardSchemaV1,
  second?: Framing | Options,
  third?: Options & OutboundOptions,
];

/**
 * A message format that takes a schema before its other arguments, or none: `make` says what it is over a framing,
 * `fallback` which one it takes if none is given, `known` the names of its own options.
 */
export function schemaFirst<Framing, Options extends object = ObjectLimitOptions>(
  args: FormatArguments<Framing, Options>,
  fallback: () => Framing,
  known: readonly string[],
  make: (framing: Framing, options: Options | undefined) => Codec<unknown>,
): Codec<unknown> {
  const [first, second, third = {} as Options] = args;
  if (!isStandardSchema(first)) {
    return make(first ?? fallback(), second as Options | undefined);
  }
  requireKnown('the options of a message format', third, [...known, 'checkOutbound']);
  const { checkOutbound, ...options }: OutboundOptions = third;
  const codec = make((second as Framing | undefined) ?? fallback(), options as Options);
  return validated(codec, first, checkOutbound === undefined ? {} : { checkOutbound });
}
