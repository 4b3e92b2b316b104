import { PeerError } from '@pea2pea/core';
import type { Codec, SchemaInput, SchemaOutput, StandardSchemaV1, TaggedCodec } from '@pea2pea/core';
import { invalidConfig, isStandardSchema, requireKnown } from '@pea2pea/core/authoring';
import { json } from './json.js';
import { mapped } from './map-codec.js';
import { CODEC_DEFAULTS } from './options.js';
import { requireCheckOutbound, type OutboundOptions } from './outbound.js';
import { isUnchecked, requireSound, validate } from './validated.js';
import { wireImage } from './wire-image.js';

/** Several types of messages: a tag for each, and the schema of what stands beside the tag. */
export type Members = Readonly<Record<string, StandardSchemaV1<object>>>;

/** Options of {@link tagged}. */
export interface TaggedOptions<Key extends string = 'type'> extends OutboundOptions {
  /** The property that holds the tag. @default 'type' */
  readonly key?: Key;
  /** How a message gets on the wire: any codec of objects, such as `msgpack()`. @default json() */
  readonly over?: Codec<unknown>;
}

/** The union of the messages that are received. */
export type TaggedMessage<M extends Members, Key extends string = 'type'> = {
  [Tag in keyof M & string]: Tagged<Key, Tag, SchemaOutput<M[Tag]>>;
}[keyof M & string];

/** The union of the messages that are sent. */
export type TaggedInput<M extends Members, Key extends string = 'type'> = {
  [Tag in keyof M & string]: Tagged<Key, Tag, SchemaInput<M[Tag]>>;
}[keyof M & string];

/** Written out, so that editors and errors show the properties and not the machinery. */
type Tagged<Key extends string, Tag extends string, Body> = {
  [P in Key | NamedKeys<Body>]: P extends Key ? Tag : P extends keyof Body ? Body[P] : never;
};

/** Without index signatures: schemas of empty and of open objects have one, which would swallow the tag. */
type NamedKeys<Body> = keyof {
  [P in keyof Body as string extends P ? never : number extends P ? never : P]: Body[P];
};

/** One of the messages of a tagged codec: `MessageOf<typeof chat, 'join'>`. */
export type MessageOf<C, Tag extends string> =
  C extends TaggedCodec<infer In, never, infer Key> ? Extract<In, { readonly [P in Key]: Tag }> : never;

/**
 * Several types of messages in one stream, told apart by a tag: a discriminated union for handlers to `switch` on,
 * and for `@OnMessage(codec, tag)` to route.
 *
 * ```text
 * tagged({ ping: Ping, text: Text })
 * message  { type: 'text', room: 1, text: 'hello' }
 * wire     as the codec underneath writes that object
 * ```
 *
 * note: the schemas see what stands beside the tag, not the tag. `unchecked<T>()` is a schema that believes everything.
 * note: what has an unknown tag, no tag, or does not validate is a P2P_ERR_INVALID_FRAME: received it ends the
 * connection, so add types on all sides before you send them.
 * note: what is sent is checked for its tag, and with `checkOutbound` by its schema, as it will arrive; see {@link validated}.
 * @default options {}
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when a member is not a Standard Schema, there are no members, or an option makes no sense.
 */
export function tagged<const M extends Members, Key extends string = 'type'>(
  members: M,
  options: TaggedOptions<Key> = {},
): TaggedCodec<TaggedMessage<M, Key>, TaggedInput<M, Key>, Key> {
  requireKnown('the options of tagged()', options, ['key', 'over', 'checkOutbound']);
  const { key = CODEC_DEFAULTS.tagged.key, over = json() } = options;
  if (typeof key !== 'string' || key === '' || key === '__proto__') {
    throw invalidConfig('`key` must be the name of a property');
  }
  const checksOutbound = requireCheckOutbound(options);
  const schemas = requireMembers(members);

  const codec = mapped<unknown, unknown, TaggedMessage<M, Key>, TaggedInput<M, Key>>('tagged', over, {
    decode(message) {
      const { [key]: tag, ...rest } = requireObject(message);
      const body = validate(schemaOf(schemas, tag, key), rest) as object;
      // Once in front, because people read it; and once at the end, because it is the tag that counts.
      return { [key]: tag, ...body, [key]: tag } as unknown as TaggedMessage<M, Key>;
    },
    encode(message) {
      const schema = schemaOf(schemas, requireObject(message)[key], key);
      if (checksOutbound && !isUnchecked(schema)) {
        const { [key]: tag, ...rest } = requireObject(wireImage(over, message));
        requireSound(schemaOf(schemas, tag, key), rest);
      }
      return message;
    },
  });
  return { ...codec, tagKey: key as Key, tags: Object.keys(members) };
}

/** A Map, because the tags of strangers (`constructor`) must not find what objects inherit. */
function requireMembers(members: unknown): ReadonlyMap<unknown, StandardSchemaV1> {
  const schemas = new Map(Object.entries(Object(members) as Members));
  if (schemas.size === 0) throw invalidConfig('tagged() needs at least one type of message');
  for (const [tag, schema] of schemas) {
    if (!isStandardSchema(schema))
      throw invalidConfig(`the member \`${tag}\` must be a Standard Schema, or unchecked()`);
  }
  return schemas;
}

function schemaOf(
  schemas: ReadonlyMap<unknown, StandardSchemaV1>,
  tag: unknown,
  key: string,
): StandardSchemaV1 {
  const schema = schemas.get(tag);
  if (schema !== undefined) return schema;
  const what = typeof tag === 'string' ? JSON.stringify(tag.slice(0, 50)) : `a ${typeof tag}`;
  throw new PeerError(
    'P2P_ERR_INVALID_FRAME',
    `the \`${key}\` of a message is ${what}, which is not a known one`,
  );
}

function requireObject(message: unknown): { readonly [name: string]: unknown } {
  if (typeof message === 'object' && message !== null && !Array.isArray(message)) {
    return message as { readonly [name: string]: unknown };
  }
  throw new PeerError('P2P_ERR_INVALID_FRAME', 'a tagged message must be an object');
}
