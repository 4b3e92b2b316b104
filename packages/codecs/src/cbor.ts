/// <reference types="node" preserve="true" />
/**
 * CBOR, over the library `cbor-x`.
 *
 * @packageDocumentation
 */
import type { Codec, SchemaInput, SchemaOutput, StandardSchemaV1 } from '@pea2pea/core';
import { requirePlainCbor } from './cbor-frame.js';
import type { BytesFraming } from './framing.js';
import { lengthDelimited } from './length-delimited.js';
import { optionalLibrary } from './optional-library.js';
import { requireMaxObjects, type ObjectLimitOptions } from './object-limit.js';
import { schemaFirst, type FormatArguments, type SchemaFormatOptions } from './schema-first.js';
import { formatCodec } from './wire-image.js';

/** The build without native addon and without code made at run time. */
const LIBRARY = { entry: 'cbor-x/index-no-eval', install: 'cbor-x@1' };

/** What of the library is used. */
interface CborX {
  readonly Encoder: new (options: object) => {
    encode(message: unknown): Buffer;
    decode(frame: Uint8Array): unknown;
  };
}

/** Every extension of the library is off: what is written, every implementation of CBOR reads. */
const OPTIONS = {
  useRecords: false,
  mapsAsObjects: true,
  useTag259ForMaps: false,
  variableMapSize: true,
  tagUint8Array: false,
  useToJSON: true,
};

/**
 * Messages as CBOR (RFC 8949), each in a frame of its own. `cbor<Chat>()`, `cbor<Chat>(varintDelimited())`, `cbor(Chat)`,
 * `cbor(Chat, varintDelimited())`, where `Chat` is any Standard Schema.
 *
 * ```text
 * [ length: 4 bytes, big endian | a1 64 t e x t 65 h e l l o ]
 * ```
 *
 * note: without a schema `T` is what you say: nothing checks that a received message is one. With one, see {@link validated}.
 * note: carries null, undefined (inside of a message), booleans, numbers, BigInt of 64 bits, strings, bytes (as Buffer), lists, maps, and Date as
 * tag 1; a time as text, tag 0, arrives as a Date, too. A Map arrives as an object, an object of a class as a plain one.
 * note: refused, on both sides, are all other tags (sets, typed arrays, larger integers, regular expressions), nesting deeper
 * than 100, lengths that are not stated, and what declares more than its frame holds. A key `__proto__` arrives as
 * `__proto_`. Malformed UTF-8 arrives with U+FFFD
 * in it, and half a surrogate pair is sent as that.
 * note: whole numbers that are safe (`Number.isSafeInteger`) travel as integers, in eight bytes from 2^32 on. Integers
 * arrive as numbers where they are safe, else as BigInt; so a BigInt arrives as a number where it is small.
 * note: bytes in a message are a view into what arrived; see `ByteQueue.read`.
 * note: the limit of the framing is on the bytes; what becomes of them is bounded by `maxObjects`.
 * @default framing lengthDelimited()
 * @throws {PeerError} P2P_ERR_UNSUPPORTED when `cbor-x` is not installed.
 */
export function cbor<T = unknown>(framing?: BytesFraming, options?: ObjectLimitOptions): Codec<T>;
export function cbor<S extends StandardSchemaV1>(
  schema: S,
  framing?: BytesFraming,
  options?: SchemaFormatOptions,
): Codec<SchemaOutput<S>, SchemaInput<S>>;
export function cbor(...args: FormatArguments<BytesFraming>): Codec<unknown> {
  const { Encoder } = optionalLibrary('cbor()', LIBRARY) as CborX;
  const library = new Encoder({ ...OPTIONS });

  return schemaFirst(args, lengthDelimited, ['maxObjects'], (framing, options) => {
    const maxObjects = requireMaxObjects('cbor', options);
    return formatCodec<Buffer, Buffer, unknown>('cbor', framing, {
      decode(frame) {
        requirePlainCbor(frame, maxObjects, 'in');
        return library.decode(frame);
      },
      encode(message) {
        const frame = library.encode(message);
        // What the other side would refuse is refused here, where the mistake is.
        requirePlainCbor(frame, maxObjects, 'out');
        return frame;
      },
    });
  });
}
