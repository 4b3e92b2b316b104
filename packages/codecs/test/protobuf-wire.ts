import { create as createMessage, toBinary } from '@bufbuild/protobuf';
import { sizeDelimitedEncode as encodeDelimited } from '@bufbuild/protobuf/wire';
import { BytesValueSchema } from '@bufbuild/protobuf/wkt';
import type { BytesValue } from '@bufbuild/protobuf/wkt';

export { sizeDelimitedPeek } from '@bufbuild/protobuf/wire';

/** A message of protobuf whose payload has `size` bytes, and its bytes as the library writes them. */
export function create(size: number): { message: BytesValue; bytes: Uint8Array } {
  const message = createMessage(BytesValueSchema, { value: new Uint8Array(size).fill(7) });
  return { message, bytes: toBinary(BytesValueSchema, message) };
}

/** The message behind its size as a varint, as the library writes it. */
export function sizeDelimitedEncode(message: BytesValue): Uint8Array {
  return encodeDelimited(BytesValueSchema, message);
}
