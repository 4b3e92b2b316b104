import { PeerError } from '@pea2pea/core';
import type { Endianness } from '@pea2pea/core';
import {
  invalidConfig,
  requireBytes,
  requireInteger,
  requireKnown,
  requireOneOf,
} from '@pea2pea/core/authoring';
import { viewsAre, type BorrowedOption } from './borrowed.js';
import { CODEC_DEFAULTS } from './options.js';

/** The knobs of tokio-util's `LengthDelimitedCodec`, and `magic`. */
export interface LengthDelimitedOptions extends BorrowedOption {
  /**
   * The largest length that a frame may declare, in bytes, before `lengthAdjustment`; both ways.
   *
   * note: what the length field cannot hold is beyond the limit, whatever stands here.
   * @default 1048576
   */
  readonly maxFrameLength?: number;
  /** Bytes before the length field. @default 0, or the length of `magic` */
  readonly lengthFieldOffset?: number;
  /** Size of the length field in bytes, 1 to 8. @default 4 */
  readonly lengthFieldLength?: number;
  /** Byte order of the length field. @default 'big' */
  readonly endianness?: Endianness;
  /**
   * What is added to the declared length to have the number of bytes after the skipped head.
   *
   * note: negative where the declared length counts the head.
   * @default 0
   */
  readonly lengthAdjustment?: number;
  /**
   * Bytes at the front of a frame that are not part of its message. They are sent as zeros, but for `magic` and the length.
   *
   * note: 0 keeps the head in the message; `lengthAdjustment` then has to count it.
   * @default lengthFieldOffset + lengthFieldLength
   */
  readonly numSkip?: number;
  /**
   * The bytes that every frame begins with. They are sent, and a received frame with others is refused with
   * P2P_ERR_INVALID_FRAME as soon as they are there.
   *
   * note: they come before the length field: `lengthFieldOffset` is at least as large.
   * @default none
   */
  readonly magic?: Uint8Array;
}

/** Where the parts of a frame are. */
export interface LengthLayout {
  /** The most that a declared length may be. */
  readonly limit: number;
  readonly fieldOffset: number;
  readonly fieldLength: number;
  readonly endianness: Endianness;
  readonly adjustment: number;
  readonly skip: number;
  readonly magic: Buffer | undefined;
  readonly keeps: 'borrowed' | 'messages';
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveLayout(options: LengthDelimitedOptions): LengthLayout {
  const defaults = CODEC_DEFAULTS.lengthDelimited;
  requireKnown('the options of lengthDelimited()', options, [...Object.keys(defaults), 'numSkip', 'magic']);
  const { endianness = defaults.endianness, borrowed = defaults.borrowed } = options;
  const integer = (name: IntegerOption, fallback: number, min: number, max?: number): number =>
    requireInteger(name, options[name] === undefined ? fallback : options[name], { min, max });

  const magic = magicOf(options.magic);
  const maxFrameLength = integer('maxFrameLength', defaults.maxFrameLength, 1);
  const fieldOffset = integer('lengthFieldOffset', magic?.length ?? defaults.lengthFieldOffset, 0, MAX_HEAD);
  const fieldLength = integer('lengthFieldLength', defaults.lengthFieldLength, 1, 8);
  const adjustment = integer('lengthAdjustment', defaults.lengthAdjustment, Number.MIN_SAFE_INTEGER);
  const skip = integer('numSkip', fieldOffset + fieldLength, 0, MAX_HEAD + 8);
  requireOneOf('endianness', endianness, ['big', 'little']);

  const limit = Math.min(maxFrameLength, 256 ** fieldLength - 1);
  if (limit + adjustment < 1) {
    throw invalidConfig(
      `\`lengthAdjustment\` of ${adjustment} leaves no payload to a length of at most ${limit}`,
    );
  }
  if (magic !== undefined && magic.length > fieldOffset) {
    throw invalidConfig(
      `\`magic\` of ${magic.length} bytes reaches into the length field at \`lengthFieldOffset\` ${fieldOffset}`,
    );
  }
  const keeps = viewsAre(borrowed);
  return { limit, fieldOffset, fieldLength, endianness, adjustment, skip, magic, keeps };
}

/** No protocol has a longer head; zeros for what is skipped are made once. */
const MAX_HEAD = 64 * 1024;

type IntegerOption = Exclude<keyof LengthDelimitedOptions, 'endianness' | 'magic' | 'borrowed'>;

/** A copy: what the caller does to its array later must not change the protocol. */
function magicOf(magic: Uint8Array | undefined): Buffer | undefined {
  return magic === undefined ? undefined : Buffer.from(requireBytes('magic', magic, { min: 1 }));
}

export function declaresTooMuch(declared: number, limit: number): PeerError {
  return new PeerError(
    'P2P_ERR_FRAME_TOO_LARGE',
    `a frame declares ${declared} bytes, the limit is ${limit}`,
  );
}
