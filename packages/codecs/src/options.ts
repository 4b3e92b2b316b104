/** Every option that has a default, with it. The docs quote this object and a test keeps both equal. Sizes are in bytes. */
export const CODEC_DEFAULTS = {
  bytes: { maxChunkLength: 64 * 1024 },
  lines: { maxLength: 64 * 1024, newline: '\n', unfinished: 'refuse', skipBom: false, skipEmpty: false },
  contentLength: { maxFrameLength: 1024 * 1024, maxHeadLength: 1024 },
  jsonValues: { maxLength: 1024 * 1024, maxDepth: 512, skipBom: false },
  lengthDelimited: {
    maxFrameLength: 1024 * 1024,
    lengthFieldOffset: 0,
    lengthFieldLength: 4,
    endianness: 'big',
    lengthAdjustment: 0,
  },
  varintDelimited: { maxFrameLength: 1024 * 1024, padded: 'refuse', offset: 0 },
  delimiter: { maxLength: 64 * 1024, unfinished: 'refuse' },
  checksummed: { size: 4, endianness: 'big' },
  compressed: { maxInflatedLength: 1024 * 1024, level: 6 },
  tagged: { key: 'type' },
  json: { maxObjects: 100_000, unreadable: 'end' },
  msgpack: { maxObjects: 100_000 },
  cbor: { maxObjects: 100_000 },
  protobuf: { maxObjects: 100_000 },
} as const;
