import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, Decoder, Encoder, Keeps, NeedMore } from '@pea2pea/core';
import { requireBoolean, requireInteger, requireKnown } from '@pea2pea/core/authoring';
import { viewsAre, type BorrowedOption } from './borrowed.js';
import { FrameLimit } from './frame-limit.js';
import { asBuffer, bytesOf } from './framing.js';
import { isBlank, JsonScan, type Scannable } from './json-scan.js';
import { CODEC_DEFAULTS } from './options.js';

const LF = 0x0a;
/** U+FEFF in UTF-8. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/** Options of {@link jsonValues}. */
export interface JsonValuesOptions extends BorrowedOption {
  /** The longest value in bytes; both ways. @default 1048576 */
  readonly maxLength?: number;
  /** How deep lists and maps may be nested; both ways. @default 512 */
  readonly maxDepth?: number;
  /** Whether a byte order mark between two values is skipped, as a blank is. @default false */
  readonly skipBom?: boolean;
}

/**
 * JSON values back to back, with or without blanks and empty lines between them: each ends where its brackets say so.
 *
 * ```text
 * sent      [ {"text":"hello"} | LF ]
 * received  [ {"text":"hello"} | {"text": "again"} | LF | LF | [1, 2] ]
 * ```
 *
 * Received are the bytes of one value; sent are bytes, or text as UTF-8, which must be one value. LF goes after it, so that
 * peers that read lines understand it, too.
 *
 * note: a number, `true`, `false` or `null` ends with the byte after it, or with the stream; a number that the network cut
 * there looks like a shorter one.
 * note: only the end of a value is found here. Whether it is JSON is up to `json(jsonValues())`.
 * note: where brackets do not match the end may never come: `maxLength` and `maxDepth` bound what is kept for it.
 * note: a message is a view into what arrived, where that is one piece; see `ByteQueue.read`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function jsonValues(options: JsonValuesOptions = {}): Codec<Buffer, Uint8Array | string> {
  requireKnown('the options of jsonValues()', options, Object.keys(CODEC_DEFAULTS.jsonValues));
  const defaults = CODEC_DEFAULTS.jsonValues;
  const {
    maxLength = defaults.maxLength,
    maxDepth = defaults.maxDepth,
    skipBom = defaults.skipBom,
    borrowed = defaults.borrowed,
  } = options;
  requireInteger('maxLength', maxLength, { min: 1 });
  requireInteger('maxDepth', maxDepth, { min: 1 });
  requireBoolean('skipBom', skipBom);

  const keeps = viewsAre(borrowed);
  const limits: Limits = { maxLength, maxDepth, skipBom };
  const encoder = new JsonValuesEncoder(limits);
  return {
    name: 'jsonValues',
    decoder: (context) => new JsonValuesDecoder(limits, new FrameLimit(context, maxLength), keeps),
    encoder: () => encoder,
    statelessEncoder: true,
  };
}

type Limits = Required<Omit<JsonValuesOptions, 'borrowed'>>;

class JsonValuesDecoder implements Decoder<Buffer> {
  readonly keeps: Keeps;
  readonly #limits: Limits;
  readonly #longest: FrameLimit;
  /** Made with the first byte of a value. */
  #scan: JsonScan | undefined;

  constructor(limits: Limits, longest: FrameLimit, keeps: Keeps) {
    this.keeps = keeps;
    this.#limits = limits;
    this.#longest = longest;
  }

  decode(input: ByteQueue): Buffer | NeedMore {
    if (this.#scan === undefined) {
      if (!skipBlanks(input, this.#limits.skipBom)) return NEED_MORE;
      this.#scan = new JsonScan(this.#limits.maxDepth);
    }
    const end = this.#scan.find(input);
    requireLength(end === -1 ? this.#scan.scanned : end, this.#longest.bytes);
    if (end === -1) return NEED_MORE;
    this.#scan = undefined;
    const value = input.read(end);
    // Most peers put it there. Left, it would keep its whole chunk in memory until the next value comes.
    if (input.length > 0 && input.peek(0) === LF) input.skip(1);
    return value;
  }

  end(input: ByteQueue): Buffer | NeedMore {
    if (this.#scan?.isWord !== true) return NEED_MORE;
    this.#scan = undefined;
    return input.read(input.length);
  }
}

class JsonValuesEncoder implements Encoder<Uint8Array | string> {
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  encode(payload: Uint8Array | string, output: ByteSink): void {
    const given = asBuffer(bytesOf(payload, 'jsonValues()'));
    const begin = given.findIndex((byte) => !isBlank(byte));
    const bytes = begin > 0 ? given.subarray(begin) : given;
    requireLength(bytes.length, this.#limits.maxLength);
    const scan = new JsonScan(this.#limits.maxDepth);
    const found = scan.find(new Bytes(bytes));
    const end = found === -1 && scan.isWord ? bytes.length : found;
    if (end === -1 || !bytes.subarray(end).every(isBlank)) {
      throw new PeerError(
        'P2P_ERR_INVALID_FRAME',
        'the payload is not one JSON value, and would not arrive as one',
      );
    }
    output.write(bytes);
    output.writeUInt(LF, 1);
  }
}

/** Bytes to be sent, as the scan takes them. */
class Bytes implements Scannable {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  peek(offset: number): number {
    return this.#bytes[offset]!;
  }

  indexOf(byte: number, from: number): number {
    return this.#bytes.indexOf(byte, from);
  }
}

/** Skips what stands between two values; false where the next one has not begun, or half a mark may be one. */
function skipBlanks(input: ByteQueue, skipBom: boolean): boolean {
  for (;;) {
    let blanks = 0;
    while (blanks < input.length && isBlank(input.peek(blanks))) blanks++;
    input.skip(blanks);
    if (input.length === 0) return false;
    if (!skipBom || input.peek(0) !== BYTE_ORDER_MARK[0]) return true;
    if (input.length < BYTE_ORDER_MARK.length) return false;
    if (BYTE_ORDER_MARK.some((byte, at) => input.peek(at) !== byte)) return true;
    input.skip(BYTE_ORDER_MARK.length);
  }
}

function requireLength(length: number, limit: number): void {
  if (length <= limit) return;
  throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', `a JSON value is longer than ${limit} bytes`);
}
