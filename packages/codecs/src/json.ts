import { PeerError } from '@pea2pea/core';
import type { Codec, SchemaInput, SchemaOutput, StandardSchemaV1 } from '@pea2pea/core';
import { decodeUtf8 } from '@pea2pea/core/authoring';
import { type TextFraming, wrongType } from './framing.js';
import { requireFewObjects } from './json-objects.js';
import { lengthDelimited } from './length-delimited.js';
import { requireMaxObjects, type ObjectLimitOptions } from './object-limit.js';
import { schemaFirst, type FormatArguments, type SchemaFormatOptions } from './schema-first.js';
import { formatCodec } from './wire-image.js';

/**
 * Messages as JSON, each in a frame of its own. With a schema only those arrive that it finds sound, typed by it.
 *
 * ```text
 * json()          [ length: 4 bytes, big endian | {"text":"hello"} ]
 * json(lines())   [ {"text":"hello"} | LF ]
 * ```
 *
 * `json<Chat>()`, `json<Chat>(lines())`, `json(Chat)`, `json(Chat, lines())`, where the last two take any Standard Schema.
 *
 * note: without a schema `T` is what you say: nothing checks that a received message is one. With one, see {@link validated}.
 * note: what `JSON.stringify` leaves out or replaces (`undefined` in an object, `NaN`, a `Map`) is lost without a word.
 * note: the limit of the framing is on the bytes; what becomes of them is bounded by `maxObjects`.
 * @default framing lengthDelimited()
 */
export function json<T = unknown>(framing?: TextFraming, options?: ObjectLimitOptions): Codec<T>;
export function json<S extends StandardSchemaV1>(
  schema: S,
  framing?: TextFraming,
  options?: SchemaFormatOptions,
): Codec<SchemaOutput<S>, SchemaInput<S>>;
export function json(...args: FormatArguments<TextFraming>): Codec<unknown> {
  return schemaFirst(args, lengthDelimited, (framing, options) => {
    const maxObjects = requireMaxObjects('json', options);
    return formatCodec<Buffer | string, string, unknown>(framing, {
      decode: (frame) => parse(frame, maxObjects),
      encode(message) {
        const text = stringify(message);
        requireFewObjects(text, maxObjects);
        return text;
      },
    });
  });
}

function parse(frame: Buffer | string, maxObjects: number): unknown {
  const text = typeof frame === 'string' ? frame : decodeUtf8(frame);
  requireFewObjects(text, maxObjects);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the frame is not JSON', { cause });
  }
}

function stringify(message: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(message);
  } catch (cause) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'JSON cannot express the message', {
      cause,
      remedy: 'send a BigInt as a string, cut cycles, or give the object a toJSON()',
    });
  }
  if (text === undefined) {
    throw wrongType('json()', 'what JSON can express', message);
  }
  return text;
}
