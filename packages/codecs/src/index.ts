/// <reference types="node" preserve="true" />
export { bytes } from './bytes.js';
export type { BytesOptions } from './bytes.js';
export { checksummed } from './checksummed.js';
export type { ChecksumOptions } from './checksummed.js';
export { compressed } from './compressed.js';
export type { CompressedOptions } from './compressed.js';
export { contentLength } from './content-length.js';
export type { ContentLengthOptions } from './content-length.js';
export { defineCodec } from './define-codec.js';
export type { CodecParts } from './define-codec.js';
export { delimiter } from './delimiter.js';
export type { DelimiterOptions } from './delimiter.js';
export { fixedLength } from './fixed-length.js';
export type { BytesFraming, TextFraming } from './framing.js';
export { json } from './json.js';
export type { DeliverUnreadable, JsonOptions } from './json.js';
export { jsonValues } from './json-values.js';
export type { JsonValuesOptions } from './json-values.js';
export { lengthDelimited } from './length-delimited.js';
export type { LengthDelimitedOptions } from './length-layout.js';
export { lines } from './lines.js';
export type { LinesOptions } from './lines.js';
export { mapCodec } from './map-codec.js';
export type { CodecMaps } from './map-codec.js';
export { CODEC_DEFAULTS } from './options.js';
export type {
  SchemaInput,
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchemaV1,
} from '@pea2pea/core';
export { records } from './records.js';
export { tagged } from './tagged.js';
export type { Members, MessageOf, TaggedInput, TaggedMessage, TaggedOptions } from './tagged.js';
export { transformed } from './transformed.js';
export type { FrameTransform, Transform } from './transformed.js';
export type { ObjectLimitOptions } from './object-limit.js';
export type { OutboundOptions } from './outbound.js';
export type { SchemaFormatOptions } from './schema-first.js';
export type { Unfinished } from './unfinished.js';
export { unchecked, validated } from './validated.js';
export { varintDelimited } from './varint-delimited.js';
export type { VarintDelimitedOptions } from './varint-delimited.js';
