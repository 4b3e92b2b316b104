import { isUint8Array } from 'node:util/types';
import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, Decoder, Encoder, Keeps, NeedMore } from '@pea2pea/core';
import { invalidConfig, requireInteger, requireKnown, SequenceSearch } from '@pea2pea/core/authoring';
import { viewsAre, type BorrowedOption } from './borrowed.js';
import { FrameLimit } from './frame-limit.js';
import { asBuffer, bytesOf } from './framing.js';
import { CODEC_DEFAULTS } from './options.js';
import { requireUnfinished, type Unfinished } from './unfinished.js';

/** No protocol has a longer one; what a frame may hold beyond its limit is bounded by it. */
const MAX_SEQUENCE = 256;

/** Options of {@link delimiter}. */
export interface DelimiterOptions extends BorrowedOption {
  /** The longest frame in bytes, its end not counted; both ways. @default 65536 */
  readonly maxLength?: number;
  /** What becomes of a last frame without an end: see {@link Unfinished}. @default 'refuse' */
  readonly unfinished?: Unfinished;
}

/**
 * Frames that end with `sequence`: bytes, or a string that stands for its UTF-8.
 *
 * ```text
 * delimiter('\r\n.\r\n')
 * [ payload | CR LF . CR LF ]
 * ```
 *
 * Received are bytes, without the sequence; sent are bytes, or text as UTF-8.
 *
 * note: the first occurrence ends the frame. A payload in which the sequence would be found sooner is not sent.
 * note: as with {@link lines}, a last frame without an end is not a message, unless `unfinished` is `'take'`; half a
 * sequence at its end belongs to it then.
 * note: a message is a view into what arrived, where that is one piece; see `ByteQueue.read`.
 * note: a payload of 32 KiB or more is sent by reference: leave it alone until the send resolved.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when the sequence or an option makes no sense.
 */
export function delimiter(
  sequence: Uint8Array | string,
  options: DelimiterOptions = {},
): Codec<Buffer, Uint8Array | string> {
  const ending = requireSequence(sequence);
  requireKnown('the options of delimiter()', options, Object.keys(CODEC_DEFAULTS.delimiter));
  const defaults = CODEC_DEFAULTS.delimiter;
  const { maxLength = defaults.maxLength, borrowed = defaults.borrowed } = options;
  const keeps = viewsAre(borrowed);
  requireInteger('maxLength', maxLength, { min: 1 });
  const unfinished = requireUnfinished(options.unfinished ?? defaults.unfinished);

  const encoder = new DelimiterEncoder(ending, maxLength);
  return {
    name: 'delimiter',
    decoder: (context) =>
      new DelimiterDecoder(ending, new FrameLimit(context, maxLength), { unfinished, keeps }),
    encoder: () => encoder,
    statelessEncoder: true,
  };
}

/** A copy: what the caller does to its array later must not change the protocol. */
function requireSequence(sequence: unknown): Buffer {
  if (typeof sequence !== 'string' && !isUint8Array(sequence)) {
    throw invalidConfig(
      `the sequence of delimiter() must be a Uint8Array or a string, not a ${typeof sequence}`,
    );
  }
  const bytes = Buffer.from(sequence as Uint8Array);
  if (bytes.length >= 1 && bytes.length <= MAX_SEQUENCE) return bytes;
  throw invalidConfig(
    `the sequence of delimiter() must have 1 to ${MAX_SEQUENCE} bytes, not ${bytes.length}`,
  );
}

class DelimiterDecoder implements Decoder<Buffer> {
  readonly #sequence: Buffer;
  readonly #search: SequenceSearch;
  readonly #limit: FrameLimit;
  readonly #unfinished: Unfinished;
  readonly keeps: Keeps;

  constructor(
    sequence: Buffer,
    limit: FrameLimit,
    { unfinished, keeps }: { readonly unfinished: Unfinished; readonly keeps: Keeps },
  ) {
    this.#sequence = sequence;
    this.#search = new SequenceSearch(sequence);
    this.#limit = limit;
    this.#unfinished = unfinished;
    this.keeps = keeps;
  }

  decode(input: ByteQueue): Buffer | NeedMore {
    const length = this.#search.find(input);
    if (length === -1) {
      // What may be the beginning of the sequence is not counted, it may be the end.
      if (input.length > this.#limit.bytes) this.#requireLength(this.#search.lengthBefore(input));
      return NEED_MORE;
    }
    this.#requireLength(length);
    this.#search.restart();
    const frame = input.read(length);
    input.skip(this.#sequence.length);
    return frame;
  }

  end(input: ByteQueue): Buffer | NeedMore {
    if (input.length === 0 || this.#unfinished === 'refuse') return NEED_MORE;
    if (this.#unfinished === 'drop') {
      input.skip(input.length);
      return NEED_MORE;
    }
    this.#requireLength(input.length);
    return input.read(input.length);
  }

  #requireLength(length: number): void {
    if (length > this.#limit.bytes) throw tooLong(this.#limit.bytes);
  }
}

class DelimiterEncoder implements Encoder<Uint8Array | string> {
  readonly #sequence: Buffer;
  /** Whether the sequence ends as it begins, so that a payload may complete one that began before its end. */
  readonly #overlaps: boolean;
  readonly #maxLength: number;

  constructor(sequence: Buffer, maxLength: number) {
    this.#sequence = sequence;
    this.#overlaps = overlapsItself(sequence);
    this.#maxLength = maxLength;
  }

  encode(payload: Uint8Array | string, output: ByteSink): void {
    const bytes = bytesOf(payload, 'delimiter()');
    if (bytes.length > this.#maxLength) throw tooLong(this.#maxLength);
    if (this.#endsSooner(bytes)) {
      throw new PeerError(
        'P2P_ERR_INVALID_FRAME',
        'the payload contains the sequence that ends a frame, or begins one at its end, and would arrive cut',
      );
    }
    output.write(bytes);
    output.write(this.#sequence);
  }

  #endsSooner(bytes: Uint8Array): boolean {
    const sequence = this.#sequence;
    const payload = asBuffer(bytes);
    if (payload.includes(sequence)) return true;
    if (!this.#overlaps) return false;
    const tail = payload.subarray(Math.max(payload.length - sequence.length + 1, 0));
    return Buffer.concat([tail, sequence]).indexOf(sequence) < tail.length;
  }
}

function overlapsItself(sequence: Buffer): boolean {
  return sequence.some((_, at) => at > 0 && sequence.subarray(at).equals(sequence.subarray(0, -at)));
}

function tooLong(maxLength: number): PeerError {
  return new PeerError('P2P_ERR_FRAME_TOO_LARGE', `a frame is longer than ${maxLength} bytes`);
}
