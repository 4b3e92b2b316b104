import { describe, PeerError } from '@pea2pea/core';

/** Every option that has a default, with it. The docs quote this object and a test keeps both equal. Sizes are in bytes. */
export const CODEC_DEFAULTS = {
  bytes: { maxChunkLength: 64 * 1024 },
  lines: { maxLength: 64 * 1024, newline: '\n', unfinished: 'refuse' },
  lengthDelimited: {
    maxFrameLength: 1024 * 1024,
    lengthFieldOffset: 0,
    lengthFieldLength: 4,
    endianness: 'big',
    lengthAdjustment: 0,
  },
  varintDelimited: { maxFrameLength: 1024 * 1024 },
  delimiter: { maxLength: 64 * 1024, unfinished: 'refuse' },
  compressed: { maxInflatedLength: 1024 * 1024, level: 6 },
  tagged: { key: 'type' },
  json: { maxObjects: 100_000 },
  msgpack: { maxObjects: 100_000 },
  cbor: { maxObjects: 100_000 },
  protobuf: { maxObjects: 100_000 },
} as const;

/**
 * A mistyped option would be a limit that is not there, so there are none that nobody knows.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option.
 */
export function requireKnown(codec: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid(`the options of ${codec}() must be an object, not ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalid(`${codec}() has no option \`${name}\``);
  }
}

/** The one check for whole numbers. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option. */
export function requireInteger(
  name: string,
  value: unknown,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number | undefined },
): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number;
  }
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw invalid(`\`${name}\` must be a whole number ${range}, not ${describe(value)}`);
}

/** The one check for a choice of texts. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option. */
export function requireOneOf<T extends string>(name: string, value: unknown, choice: readonly T[]): T {
  if (choice.includes(value as T)) return value as T;
  throw invalid(`\`${name}\` must be ${choice.map(describe).join(' or ')}, not ${describe(value)}`);
}

export function invalid(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_CONFIG', what);
}
