/// <reference lib="es2024.string" />
import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, Decoder, Encoder, NeedMore } from '@pea2pea/core';
import {
  fitsUtf8,
  requireBoolean,
  requireInteger,
  requireKnown,
  requireOneOf,
} from '@pea2pea/core/authoring';
import { FrameLimit } from './frame-limit.js';
import { CODEC_DEFAULTS } from './options.js';
import { requireUnfinished, type Unfinished } from './unfinished.js';
import { wrongType } from './framing.js';

const LF = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = '\uFEFF';

/** Options of {@link lines}. */
export interface LinesOptions {
  /** The longest line in bytes of UTF-8, its end not counted; both ways. @default 65536 */
  readonly maxLength?: number;
  /** What the encoder puts after a line; the decoder takes both. @default '\n' */
  readonly newline?: '\n' | '\r\n';
  /** What becomes of a last line without an end: see {@link Unfinished}. @default 'refuse' */
  readonly unfinished?: Unfinished;
  /** Whether a byte order mark at the beginning of a line is left out of it. @default false */
  readonly skipBom?: boolean;
  /** Whether empty lines are skipped: they are not messages, and are not sent. @default false */
  readonly skipEmpty?: boolean;
}

/**
 * Lines of UTF-8 text, without their ends.
 *
 * ```text
 * [ text | LF ]   or   [ text | CR | LF ]
 * ```
 *
 * note: decoding follows tokio-util's `LinesCodec`: one CR before the LF belongs to the end, any other
 * CR to the line. Unlike there a last line without an end is not a message, unless `unfinished` is `'take'`; and a CR
 * before the LF does not count for `maxLength` (there eight letters, CR and LF exceed a maximum of eight).
 * note: a line that would arrive as something else is not sent: one that contains LF, ends in CR, or has
 * half a surrogate pair.
 * note: where lines are too long or not UTF-8 the connection ends: there is no skipping to the next.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function lines(options: LinesOptions = {}): Codec<string> {
  requireKnown('the options of lines()', options, Object.keys(CODEC_DEFAULTS.lines));
  const defaults = CODEC_DEFAULTS.lines;
  const { maxLength = defaults.maxLength, newline = defaults.newline } = options;
  const unfinished = requireUnfinished(options.unfinished ?? defaults.unfinished);
  requireInteger('maxLength', maxLength, { min: 1 });
  requireOneOf('newline', newline, ['\n', '\r\n']);
  const skipBom = requireBoolean('skipBom', options.skipBom ?? defaults.skipBom);
  const skipEmpty = requireBoolean('skipEmpty', options.skipEmpty ?? defaults.skipEmpty);

  const rules: Rules = { maxLength, newline, unfinished, skipBom, skipEmpty };
  const encoder = new LinesEncoder(rules);
  return {
    name: 'lines',
    decoder: (context) => new LinesDecoder(rules, new FrameLimit(context, maxLength)),
    encoder: () => encoder,
    statelessEncoder: true,
  };
}

type Rules = Required<LinesOptions>;

class LinesDecoder implements Decoder<string> {
  readonly keeps = 'nothing';
  readonly #rules: Rules;
  readonly #limit: FrameLimit;
  /** Bytes known to hold no LF, so that a line that drips in is searched once, not once a drop. */
  #searched = 0;

  constructor(rules: Rules, limit: FrameLimit) {
    this.#rules = rules;
    this.#limit = limit;
  }

  decode(input: ByteQueue): string | NeedMore {
    for (;;) {
      const line = this.#take(input);
      if (line !== '' || !this.#rules.skipEmpty) return line;
    }
  }

  #take(input: ByteQueue): string | NeedMore {
    const end = input.indexOf(LF, this.#searched);
    if (end === -1) {
      this.#searched = input.length;
      this.#requireLength(lengthOfLine(input, input.length));
      return NEED_MORE;
    }
    this.#searched = 0;
    const length = lengthOfLine(input, end);
    this.#requireLength(length);
    const line = input.readText(length);
    input.skip(end + 1 - length);
    return this.#trim(line);
  }

  end(input: ByteQueue): string | NeedMore {
    const { unfinished } = this.#rules;
    if (unfinished === 'refuse') return NEED_MORE;
    const length = unfinished === 'drop' ? 0 : lengthOfLine(input, input.length);
    const line = this.#trim(input.readText(length));
    input.skip(input.length);
    return line === '' ? NEED_MORE : line;
  }

  #trim(line: string): string {
    return this.#rules.skipBom && line.startsWith(BYTE_ORDER_MARK) ? line.slice(1) : line;
  }

  #requireLength(length: number): void {
    if (length > this.#limit.bytes) throw tooLong(this.#limit.bytes);
  }
}

/** How long the line is that ends before `end`; a CR there is not part of it. */
function lengthOfLine(input: ByteQueue, end: number): number {
  return end > 0 && input.peek(end - 1) === CR ? end - 1 : end;
}

class LinesEncoder implements Encoder<string> {
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  encode(line: string, output: ByteSink): void {
    const { maxLength, newline, skipBom, skipEmpty } = this.#rules;
    if (typeof line !== 'string') throw wrongType('lines()', 'a string', line);
    if (!fitsUtf8(line, maxLength)) throw tooLong(maxLength);
    if (line.includes('\n')) throw invalidLine('the line contains LF and would arrive as several');
    if (line.endsWith('\r')) throw invalidLine('the line ends in CR, which would count as its end');
    if (!line.isWellFormed())
      throw invalidLine('the line has half a surrogate pair, which UTF-8 cannot carry');
    if (skipEmpty && line === '') throw invalidLine('the line is empty, and `skipEmpty` would skip it');
    if (skipBom && line.startsWith(BYTE_ORDER_MARK))
      throw invalidLine('the line begins with a byte order mark, which `skipBom` would leave out');
    output.writeText(line);
    if (newline === '\r\n') output.writeUInt(CR, 1);
    output.writeUInt(LF, 1);
  }
}

function tooLong(maxLength: number): PeerError {
  return new PeerError('P2P_ERR_FRAME_TOO_LARGE', `a line is longer than ${maxLength} bytes`);
}

function invalidLine(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', what);
}
