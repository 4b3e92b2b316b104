import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { PeerError } from '@pea2pea/core';
import type { Codec } from '@pea2pea/core';
import { codecName, requireInteger, requireKnown } from '@pea2pea/core/authoring';
import type { BytesFraming } from './framing.js';
import { CODEC_DEFAULTS } from './options.js';
import { transformed } from './transformed.js';

/** Options of {@link compressed}. */
export interface CompressedOptions {
  /** The most bytes that a frame may inflate to; both ways. @default 1048576 */
  readonly maxInflatedLength?: number;
  /** From 0 (stored) and 1 (fast) to 9 (small). @default 6 */
  readonly level?: number;
}

/**
 * Frames of `framing`, each compressed by itself with raw DEFLATE (RFC 1951).
 *
 * ```text
 * compressed(lengthDelimited())
 * [ length: 4 bytes, big endian | deflated payload ]
 * ```
 *
 * note: a frame that would inflate to more than `maxInflatedLength` is a P2P_ERR_FRAME_TOO_LARGE; no more than that is
 * ever inflated of it. A hundred bytes can become a hundred thousand: choose the limit for what you can hold.
 * note: frames know nothing of each other, so small ones hardly shrink, and bytes that have no pattern grow a little.
 * note: it compresses on the main thread: 15 to 40 µs for 256 bytes, and from 0.2 ms (text that
 * repeats itself) to a few ms for 64 KiB.
 * note: never compress secrets together with what a stranger may choose: the size tells (CRIME, BREACH).
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function compressed(
  framing: BytesFraming,
  options: CompressedOptions = {},
): Codec<Buffer, Uint8Array | string> {
  const defaults = CODEC_DEFAULTS.compressed;
  requireKnown('the options of compressed()', options, Object.keys(defaults));
  const { maxInflatedLength = defaults.maxInflatedLength, level = defaults.level } = options;
  requireInteger('maxInflatedLength', maxInflatedLength, { min: 1 });
  requireInteger('level', level, { min: 0, max: 9 });

  const deflate = (payload: Buffer): Buffer => {
    if (payload.length > maxInflatedLength) throw tooLarge(maxInflatedLength);
    return deflateRawSync(payload, { level });
  };
  const inflate = (frame: Buffer): Buffer => inflateAll(frame, maxInflatedLength);
  const transform = { encoder: () => deflate, decoder: () => inflate, statelessEncoder: true };
  return { ...transformed(framing, transform), name: codecName('compressed', framing) };
}

function inflateAll(frame: Buffer, limit: number): Buffer {
  let inflated: { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
  try {
    inflated = inflateRawSync(frame, { maxOutputLength: limit, info: true }) as unknown as typeof inflated;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit);
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the frame is not raw DEFLATE', { cause });
  }
  // zlib stops where the compressed data ends and says nothing of what follows.
  if (inflated.engine.bytesWritten !== frame.length) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'bytes follow the compressed data of a frame');
  }
  return inflated.buffer;
}

function tooLarge(limit: number): PeerError {
  return new PeerError('P2P_ERR_FRAME_TOO_LARGE', `a frame inflates to more than ${limit} bytes`);
}
