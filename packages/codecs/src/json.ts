import { PeerError } from '@pea2pea/core';
import type { Codec } from '@pea2pea/core';
import { lengthDelimited } from './length-delimited.js';
import { mapCodec } from './map-codec.js';
import { decodeUtf8 } from './utf8.js';

/**
 * A codec that carries texts: it takes a text to send, and answers the received one as text or as its UTF-8 bytes.
 * {@link lengthDelimited} and {@link lines} are.
 */
export type TextFraming = Codec<Buffer | string, string>;

/**
 * Messages as JSON, each in a frame of its own.
 *
 * ```text
 * json()          [ length: 4 bytes, big endian | {"text":"hello"} ]
 * json(lines())   [ {"text":"hello"} | LF ]
 * ```
 *
 * note: `T` is what you say: nothing checks that a received message is one. Validate what strangers send.
 * note: what `JSON.stringify` leaves out or replaces (`undefined` in an object, `NaN`, a `Map`) is lost without a word.
 * note: the limit of the framing is on the text; the objects made of it can take several times as much memory.
 * @default framing lengthDelimited()
 */
export function json<T = unknown>(framing: TextFraming = lengthDelimited()): Codec<T> {
  return mapCodec<Buffer | string, string, T>(framing, { decode: parse<T>, encode: stringify });
}

function parse<T>(frame: Buffer | string): T {
  const text = typeof frame === 'string' ? frame : decodeUtf8(frame);
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the frame is not JSON', { cause });
  }
}

function stringify(message: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(message);
  } catch (cause) {
    throw new PeerError(
      'P2P_ERR_INVALID_FRAME',
      'JSON cannot express the message: send a BigInt as text, cut cycles, or give the object a toJSON()',
      { cause },
    );
  }
  if (text === undefined) {
    throw new PeerError(
      'P2P_ERR_INVALID_FRAME',
      `JSON cannot express a message of type ${typeof message}: send null, an object, a list, a text or a number`,
    );
  }
  return text;
}
