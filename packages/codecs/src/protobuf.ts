/// <reference types="node" preserve="true" />
/**
 * Protocol Buffers, over the library `@bufbuild/protobuf`.
 *
 * @packageDocumentation
 */
import type * as library from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Codec } from '@pea2pea/core';
import { invalidConfig } from '@pea2pea/core/authoring';
import type { BytesFraming } from './framing.js';
import { mapped } from './map-codec.js';
import { requireMaxObjects, type ObjectLimitOptions } from './object-limit.js';
import { optionalLibrary } from './optional-library.js';
import { ProtobufObjects } from './protobuf-objects.js';
import { varintDelimited } from './varint-delimited.js';

const LIBRARY = { entry: '@bufbuild/protobuf', install: '@bufbuild/protobuf@2' };

/**
 * Messages of one type of Protocol Buffers, each in a frame of its own, typed by their schema: what `protoc-gen-es`
 * generates as `ChatSchema`.
 *
 * ```text
 * protobuf(ChatSchema)                       [ length: varint | fields ]     as writeDelimitedTo() of other languages
 * protobuf(ChatSchema, lengthDelimited())    [ length: 4 bytes, big endian | fields ]
 * ```
 *
 * note: make messages with `create(ChatSchema, { ... })`. Several types go into one with a `oneof`.
 * note: fields that the schema does not know are dropped; kept they would take a peer two bytes each, and us a hundred.
 * A peer that passes messages on as they came should pass on bytes.
 * note: malformed UTF-8 in a string is refused, nesting deeper than 100, and what becomes more than `maxObjects`: messages,
 * their lists, maps and oneofs, bytes, and integers of 64 bits.
 * note: bytes in a message are a view into what arrived; see `ByteQueue.read`.
 * @default framing varintDelimited()
 * @throws {PeerError} P2P_ERR_UNSUPPORTED when `@bufbuild/protobuf` is not installed; P2P_ERR_INVALID_CONFIG when `schema`
 * describes no message.
 */
export function protobuf<Schema extends DescMessage>(
  schema: Schema,
  framing: BytesFraming = varintDelimited(),
  options?: ObjectLimitOptions,
): Codec<MessageShape<Schema>> {
  const { fromBinary, toBinary } = optionalLibrary('protobuf()', LIBRARY) as typeof library;
  if ((schema as DescMessage | undefined)?.kind !== 'message') {
    throw invalidConfig(
      'the schema of protobuf() must describe a message, as the ChatSchema of generated code does',
    );
  }

  const objects = new ProtobufObjects(schema, requireMaxObjects('protobuf', options));
  return mapped<Buffer, Uint8Array, MessageShape<Schema>>('protobuf', framing, {
    decode(frame) {
      objects.requireFew(frame);
      return fromBinary(schema, frame, { readUnknownFields: false });
    },
    encode(message) {
      const frame = toBinary(schema, message);
      // What the other side would refuse is refused here, where the mistake is.
      objects.requireReadable(frame);
      return frame;
    },
  });
}
