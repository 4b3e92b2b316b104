import { PeerError } from '@pea2pea/core';
import { describe, invalidConfig } from '@pea2pea/core/authoring';
import type { Negotiable } from './byte-source.js';

/** The protocol that negotiates the others; each side names it first. */
export const MULTISTREAM = '/multistream/1.0.0';
/** "Not available": the answer to a protocol that the listener does not speak. */
export const NOT_AVAILABLE = 'na';
/** Asks for the protocols that the listener speaks. */
export const LIST = 'ls';

/** The longest message, newline included. */
export const MAX_MESSAGE_LENGTH = 1_024;
/** The longest reply to `ls`: what other implementations send, who know no limit for it. */
const MAX_LIST_LENGTH = 64 * 1_024;
/** The bytes of a length that may be as long as that. */
const MAX_PREFIX_LENGTH = 3;
const NEWLINE = 0x0a;

/** The bytes of a message: its length as a varint, the text, a newline, which counts. */
export function encodeMessage(text: string): Buffer {
  return encodeBody(Buffer.from(`${text}\n`));
}

/** The answer to `ls`: a message that holds the message of each protocol. */
export function encodeList(protocols: readonly string[]): Buffer {
  return encodeBody(Buffer.concat([...protocols.map(encodeMessage), Buffer.of(NEWLINE)]));
}

/**
 * The next message, without its newline.
 * @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE, P2P_ERR_INVALID_FRAME; as `read` does
 */
export async function readMessage(stream: Negotiable): Promise<string> {
  return (await readBody(stream)).toString('utf8');
}

/**
 * The next message as the answer to `ls`.
 * @throws {PeerError} as {@link readMessage}
 */
export async function readList(stream: Negotiable): Promise<string[]> {
  const body = await readBody(stream, MAX_LIST_LENGTH);
  if (body.toString('latin1') === NOT_AVAILABLE) return [];
  const protocols: string[] = [];
  for (let offset = 0; offset < body.length;) {
    const long = body[offset]! > 0x7f ? 2 : 1;
    const length = decodeLength(body.subarray(offset, offset + long), MAX_MESSAGE_LENGTH);
    const end = offset + long + length;
    if (length === 0 || body[end - 1] !== NEWLINE) throw invalidMessage('a list of protocols is malformed');
    protocols.push(body.toString('utf8', offset + long, end - 1));
    offset = end;
  }
  return protocols;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for protocols that nobody could be told of */
export function requireProtocols(protocols: readonly string[], max: number): void {
  if (!Array.isArray(protocols) || protocols.length === 0 || protocols.length > max) {
    throw invalidConfig(`\`protocols\` must list 1 to ${max} protocols`);
  }
  for (const protocol of protocols as readonly unknown[]) {
    if (typeof protocol !== 'string' || !/^\/[^\n]+$/.test(protocol)) {
      throw invalidConfig(
        `a protocol is a string that begins with a slash, without newlines, not ${describe(protocol)}`,
      );
    }
    if (Buffer.byteLength(protocol) >= MAX_MESSAGE_LENGTH) {
      throw invalidConfig(`a protocol is shorter than ${MAX_MESSAGE_LENGTH} bytes`);
    }
  }
}

/** The peer broke the protocol. */
export function invalidMessage(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', `multistream-select: ${what}`);
}

function encodeBody(body: Buffer): Buffer {
  const { length } = body;
  return Buffer.concat([Buffer.from(length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7]), body]);
}

/** Without the newline. Nothing is read for a message before its length is known to be allowed. */
async function readBody(stream: Negotiable, most = MAX_MESSAGE_LENGTH): Promise<Buffer> {
  let prefix = await stream.read(1);
  while (prefix[prefix.length - 1]! > 0x7f && prefix.length < MAX_PREFIX_LENGTH)
    prefix = Buffer.concat([prefix, await stream.read(1)]);
  const length = decodeLength(prefix, most);
  if (length === 0) throw invalidMessage('a message is empty');
  const body = await stream.read(length);
  if (body[length - 1] !== NEWLINE) throw invalidMessage('a message does not end with a newline');
  return body.subarray(0, -1);
}

/** A varint, in the fewest bytes. @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE above `most`, P2P_ERR_INVALID_FRAME */
function decodeLength(prefix: Buffer, most: number): number {
  const last = prefix[prefix.length - 1]!;
  const length = prefix.reduceRight((value, byte) => (value << 7) | (byte & 0x7f), 0);
  if (last > 0x7f || length > most) {
    throw new PeerError(
      'P2P_ERR_FRAME_TOO_LARGE',
      `multistream-select: a message is longer than ${most} bytes`,
    );
  }
  if (last === 0 && prefix.length > 1) throw invalidMessage('a length is a varint longer than it has to be');
  return length;
}
