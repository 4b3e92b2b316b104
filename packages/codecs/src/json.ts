import { PeerError, UnreadableFrame } from '@pea2pea/core';
import type { Codec, SchemaInput, SchemaOutput, StandardSchemaV1 } from '@pea2pea/core';
import { decodeUtf8, requireKnown, requireOneOf } from '@pea2pea/core/authoring';
import { type TextFraming, wrongType } from './framing.js';
import { requireFewObjects } from './json-objects.js';
import { lengthDelimited } from './length-delimited.js';
import { keepLongIds, textWithLongIds } from './long-ids.js';
import { requireMaxObjects, type ObjectLimitOptions } from './object-limit.js';
import { CODEC_DEFAULTS } from './options.js';
import { schemaFirst, type FormatArguments } from './schema-first.js';
import type { OutboundOptions } from './outbound.js';
import { formatCodec } from './wire-image.js';

/** Options of {@link json}. */
export interface JsonOptions extends ObjectLimitOptions {
  /**
   * What becomes of a frame that is not JSON, or not UTF-8.
   *
   * - `'end'`: the connection ends with P2P_ERR_INVALID_FRAME.
   * - `'deliver'`: an {@link UnreadableFrame} is the message, and the connection lives on: the framing has found where the
   *   next one begins. What the framing itself refuses, and what is above `maxObjects`, ends the connection all the same.
   * @default 'end'
   */
  readonly unreadable?: 'end' | 'deliver';
}

const OPTIONS = Object.keys(CODEC_DEFAULTS.json);

/** Options that have unreadable frames delivered. */
export type DeliverUnreadable = JsonOptions & { readonly unreadable: 'deliver' };

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
 * note: numbers are doubles, but for one: the `id` of a JSON-RPC 2.0 message that is a whole number beyond 2^53 arrives as a
 * BigInt, and is sent with the same digits.
 * @default framing lengthDelimited()
 */
export function json<T = unknown>(
  framing: TextFraming | undefined,
  options: DeliverUnreadable,
): Codec<T | UnreadableFrame, T>;
export function json<T = unknown>(framing?: TextFraming, options?: JsonOptions): Codec<T>;
export function json<S extends StandardSchemaV1>(
  schema: S,
  framing: TextFraming | undefined,
  options: DeliverUnreadable & OutboundOptions,
): Codec<SchemaOutput<S> | UnreadableFrame, SchemaInput<S>>;
export function json<S extends StandardSchemaV1>(
  schema: S,
  framing?: TextFraming,
  options?: JsonOptions & OutboundOptions,
): Codec<SchemaOutput<S>, SchemaInput<S>>;
export function json(...args: FormatArguments<TextFraming, JsonOptions>): Codec<unknown> {
  return schemaFirst<TextFraming, JsonOptions>(args, lengthDelimited, OPTIONS, (framing, options = {}) => {
    const { maxObjects: limit, unreadable = CODEC_DEFAULTS.json.unreadable } = options;
    requireKnown('the options of json()', options, OPTIONS);
    requireOneOf('unreadable', unreadable, ['end', 'deliver']);
    const maxObjects = requireMaxObjects('json', limit === undefined ? {} : { maxObjects: limit });
    const decode = (frame: Buffer | string): unknown => parse(frame, maxObjects);
    const isRead = unreadable === 'end'; // one that is delivered unread has its bytes
    const maps = {
      decode: isRead ? decode : (frame: Buffer | string) => decodeOrDeliver(decode, frame),
      encode(message: unknown) {
        const text = stringify(message);
        requireFewObjects(text, maxObjects);
        return text;
      },
    };
    return formatCodec<Buffer | string, string, unknown>('json', framing, maps, isRead);
  });
}

function decodeOrDeliver(decode: (frame: Buffer | string) => unknown, frame: Buffer | string): unknown {
  try {
    return decode(frame);
  } catch (error) {
    if (PeerError.is(error, 'P2P_ERR_INVALID_FRAME')) return new UnreadableFrame(error);
    throw error;
  }
}

function parse(frame: Buffer | string, maxObjects: number): unknown {
  const text = typeof frame === 'string' ? frame : decodeUtf8(frame);
  requireFewObjects(text, maxObjects);
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (cause) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the frame is not JSON', { cause });
  }
  keepLongIds(message, text);
  return message;
}

function stringify(message: unknown): string {
  let text: string | undefined;
  try {
    text = textWithLongIds(message) ?? JSON.stringify(message);
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
