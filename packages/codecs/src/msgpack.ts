/// <reference types="node" preserve="true" />
/**
 * MessagePack, over the library `msgpackr`.
 *
 * @packageDocumentation
 */
import type { Codec, SchemaInput, SchemaOutput, StandardSchemaV1 } from '@pea2pea/core';
import type { BytesFraming } from './framing.js';
import { requireKnownViews } from './known-views.js';
import { lengthDelimited } from './length-delimited.js';
import { requirePlainMsgpack } from './msgpack-frame.js';
import { optionalLibrary } from './optional-library.js';
import { requireMaxObjects, type ObjectLimitOptions } from './object-limit.js';
import { schemaFirst, type FormatArguments, type SchemaFormatOptions } from './schema-first.js';
import { formatCodec } from './wire-image.js';

/** The build without native addon and without code made at run time. */
const LIBRARY = { entry: 'msgpackr/index-no-eval', install: 'msgpackr@2' };

/** What of the library is used. */
interface Msgpackr {
  readonly Packr: new (options: object) => {
    pack(message: unknown): Buffer;
    unpack(frame: Uint8Array): unknown;
  };
}

/** Every extension of the library is off: what is written, every implementation of MessagePack reads. */
const OPTIONS = {
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  encodeUndefinedAsNil: true,
};

/**
 * Messages as MessagePack, each in a frame of its own. `msgpack<Chat>()`, `msgpack<Chat>(varintDelimited())`,
 * `msgpack(Chat)`, `msgpack(Chat, varintDelimited())`, where `Chat` is any Standard Schema.
 *
 * ```text
 * [ length: 4 bytes, big endian | 81 a4 t e x t a5 h e l l o ]
 * ```
 *
 * note: without a schema `T` is what you say: nothing checks that a received message is one. With one, see {@link validated}.
 * note: carries what the specification knows: nil, booleans, numbers, strings, bytes (as Buffer), lists, maps, and Date as its
 * timestamp. `undefined` and functions arrive as null, a Map as an object, a Set as a list, an object of a class as a plain one.
 * note: whole numbers that are safe (`Number.isSafeInteger`) travel as integers, in eight bytes from 2^32 on. Integers
 * arrive as numbers where they are safe, else as BigInt; so a BigInt arrives as a number where it is small.
 * note: a view of an ArrayBuffer other than of bytes, such as a Float64Array, is refused:
 * MessagePack has no type for it.
 * note: refused are other extensions, nesting deeper than 100, and what declares more than its frame holds. A key `__proto__`
 * arrives as `__proto_`. Malformed UTF-8 arrives with U+FFFD
 * in it, and half a surrogate pair is sent as that.
 * note: bytes in a message are a view into what arrived; see `ByteQueue.read`.
 * note: the limit of the framing is on the bytes; what becomes of them is bounded by `maxObjects`.
 * @default framing lengthDelimited()
 * @throws {PeerError} P2P_ERR_UNSUPPORTED when `msgpackr` is not installed.
 */
export function msgpack<T = unknown>(framing?: BytesFraming, options?: ObjectLimitOptions): Codec<T>;
export function msgpack<S extends StandardSchemaV1>(
  schema: S,
  framing?: BytesFraming,
  options?: SchemaFormatOptions,
): Codec<SchemaOutput<S>, SchemaInput<S>>;
export function msgpack(...args: FormatArguments<BytesFraming>): Codec<unknown> {
  const { Packr } = optionalLibrary('msgpack()', LIBRARY) as Msgpackr;
  const packr = new Packr({ ...OPTIONS });

  return schemaFirst(args, lengthDelimited, ['maxObjects'], (framing, options) => {
    const maxObjects = requireMaxObjects('msgpack', options);
    return formatCodec<Buffer, Buffer, unknown>('msgpack', framing, {
      decode(frame) {
        requirePlainMsgpack(frame, maxObjects, 'in');
        return packr.unpack(frame);
      },
      encode(message) {
        requireKnownViews(message);
        const frame = packr.pack(message);
        // What the other side would refuse is refused here, where the mistake is.
        requirePlainMsgpack(frame, maxObjects, 'out');
        return frame;
      },
    });
  });
}
