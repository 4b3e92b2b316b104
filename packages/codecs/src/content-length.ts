import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, Decoder, Encoder, Keeps, NeedMore } from '@pea2pea/core';
import { requireInteger, requireKnown } from '@pea2pea/core/authoring';
import { viewsAre, type BorrowedOption } from './borrowed.js';
import { FrameLimit } from './frame-limit.js';
import { asBuffer, bytesOf } from './framing.js';
import { CODEC_DEFAULTS } from './options.js';

const LF = 0x0a;
const CR = 0x0d;

/** A field of a head: a name of letters, digits and the signs that HTTP allows, and a value of printable ASCII. */
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\t]*?)[ \t]*$/;
const LENGTH = /^[0-9]{1,15}$/;
const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*"?([^";\s]*)/i;

/** Options of {@link contentLength}. */
export interface ContentLengthOptions extends BorrowedOption {
  /** The largest payload in bytes; both ways. @default 1048576 */
  readonly maxFrameLength?: number;
  /** The most bytes before the payload, the empty line included. @default 1024 */
  readonly maxHeadLength?: number;
}

/**
 * Frames with a head of ASCII lines, as in the Language Server Protocol, the Debug Adapter Protocol, and the Model Context
 * Protocol over TCP.
 *
 * ```text
 * [ Content-Length: 17 | CR LF | CR LF | {"text":"hello"}  ]
 * ```
 *
 * Received are bytes; sent are bytes, or text as UTF-8.
 *
 * note: names of fields are compared without case. `Content-Type` may be there, if its charset is UTF-8; other fields are
 * ignored.
 * note: the connection ends with P2P_ERR_INVALID_FRAME where a head has no length or two of them, a length that is not a
 * decimal number, a line without a colon, or LF without CR: nobody can tell where the next frame begins.
 * note: a length above `maxFrameLength` is refused before a byte of its payload is kept.
 * note: a message is a view into what arrived, where that is one piece; see `ByteQueue.read`.
 * note: a payload of 32 KiB or more is sent by reference: leave it alone until the send resolved.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function contentLength(options: ContentLengthOptions = {}): Codec<Buffer, Uint8Array | string> {
  requireKnown('the options of contentLength()', options, Object.keys(CODEC_DEFAULTS.contentLength));
  const defaults = CODEC_DEFAULTS.contentLength;
  const { maxFrameLength = defaults.maxFrameLength, maxHeadLength = defaults.maxHeadLength } = options;
  const keeps = viewsAre(options.borrowed ?? defaults.borrowed);
  requireInteger('maxFrameLength', maxFrameLength, { min: 1 });
  requireInteger('maxHeadLength', maxHeadLength, { min: 32 });

  const encoder = new ContentLengthEncoder(maxFrameLength);
  return {
    name: 'contentLength',
    decoder: (context) =>
      new ContentLengthDecoder(new FrameLimit(context, maxFrameLength), maxHeadLength, keeps),
    encoder: () => encoder,
    statelessEncoder: true,
  };
}

/** What a head says, once it is complete. */
interface Head {
  readonly headLength: number;
  readonly bodyLength: number;
}

class ContentLengthDecoder implements Decoder<Buffer> {
  readonly keeps: Keeps;
  readonly #limit: FrameLimit;
  readonly #maxHeadLength: number;
  /** Where the line begins that is being received, and up to where it was searched for its end. */
  #lineStart = 0;
  #searched = 0;
  /** What the lines before it said. */
  #bodyLength: number | undefined;
  /** Set while the payload is awaited. */
  #head: Head | undefined;

  constructor(limit: FrameLimit, maxHeadLength: number, keeps: Keeps) {
    this.keeps = keeps;
    this.#limit = limit;
    this.#maxHeadLength = maxHeadLength;
  }

  decode(input: ByteQueue): Buffer | NeedMore {
    this.#head ??= this.#readHead(input);
    const head = this.#head;
    if (head !== undefined) this.#requireWithin(head.bodyLength); // the limit may have come down
    // The head stays where it is: a stream that ends here has bytes left over, and is found to be truncated.
    if (head === undefined || input.length < head.headLength + head.bodyLength) return NEED_MORE;
    this.#head = undefined;
    input.skip(head.headLength);
    return input.read(head.bodyLength);
  }

  #requireWithin(length: number): void {
    const limit = this.#limit.bytes;
    if (length > limit) throw tooLarge(length, limit);
  }

  /** Goes on where the last search ended; undefined until the empty line is there. */
  #readHead(input: ByteQueue): Head | undefined {
    for (;;) {
      const end = input.indexOf(LF, this.#searched);
      if ((end === -1 ? input.length : end + 1) > this.#maxHeadLength)
        throw headTooLarge(this.#maxHeadLength);
      if (end === -1) {
        this.#searched = input.length;
        return undefined;
      }
      const line = this.#lineUntil(input, end);
      this.#lineStart = end + 1;
      this.#searched = end + 1;
      if (line !== '') this.#readField(line);
      else return this.#complete(end + 1);
    }
  }

  #lineUntil(input: ByteQueue, end: number): string {
    const start = this.#lineStart;
    if (end === start || input.peek(end - 1) !== CR) {
      throw invalid('a line of a head ends with LF alone: CR LF is needed');
    }
    return input.peekText(start, end - 1 - start);
  }

  #readField(line: string): void {
    const field = FIELD.exec(line);
    if (field === null) throw invalid('a line of a head is not `name: value` in printable ASCII');
    const name = field[1]!.toLowerCase();
    const value = field[2]!;
    if (name === 'content-length') {
      if (this.#bodyLength !== undefined) throw invalid('a head has two lengths');
      if (!LENGTH.test(value)) throw invalid('the Content-Length of a frame is not a decimal number');
      this.#bodyLength = Number(value);
      this.#requireWithin(this.#bodyLength);
    } else if (name === 'content-type') {
      const charset = CHARSET.exec(value)?.[1]?.toLowerCase();
      // LSP once called it utf8, and asks for that to be understood.
      if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') {
        throw invalid('the Content-Type of a frame names a charset that is not UTF-8');
      }
    }
  }

  #complete(headLength: number): Head {
    const bodyLength = this.#bodyLength;
    if (bodyLength === undefined) throw invalid('a head has no Content-Length');
    this.#bodyLength = undefined;
    this.#lineStart = 0;
    this.#searched = 0;
    return { headLength, bodyLength };
  }
}

class ContentLengthEncoder implements Encoder<Uint8Array | string> {
  readonly #maxFrameLength: number;

  constructor(maxFrameLength: number) {
    this.#maxFrameLength = maxFrameLength;
  }

  encode(payload: Uint8Array | string, output: ByteSink): void {
    const isText = typeof payload === 'string';
    const length = isText ? Buffer.byteLength(payload) : bytesOf(payload, 'contentLength()').length;
    if (length > this.#maxFrameLength) throw tooLarge(length, this.#maxFrameLength);
    output.writeText(`Content-Length: ${length}\r\n\r\n`);
    if (isText) output.writeText(payload);
    else output.write(asBuffer(payload));
  }
}

function tooLarge(length: number, limit: number): PeerError {
  return new PeerError('P2P_ERR_FRAME_TOO_LARGE', `a frame has ${length} bytes, the limit is ${limit}`);
}

function headTooLarge(limit: number): PeerError {
  return new PeerError('P2P_ERR_FRAME_TOO_LARGE', `the head of a frame has more than ${limit} bytes`);
}

function invalid(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', what, {
    remedy: 'check that the peer frames its messages with `Content-Length: n`, CR LF, CR LF',
  });
}
