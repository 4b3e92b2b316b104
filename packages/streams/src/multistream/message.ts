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
  const body = await readBody(stream);
  if (body.toString('latin1') === NOT_AVAILABLE) return [];
  const protocols: string[] = [];
  for (let offset = 0; offset < body.length;) {
    const long = body[offset]! > 0x7f ? 2 : 1;
    const length = decodeLength(body.subarray(offset, offset + long));
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
async function readBody(stream: Negotiable): Promise<Buffer> {
  const first = await stream.read(1);
  const prefix = first[0]! > 0x7f ? Buffer.concat([first, await stream.read(1)]) : first;
  const length = decodeLength(prefix);
  if (length > MAX_MESSAGE_LENGTH) throw tooLong();
  if (length === 0) throw invalidMessage('a message is empty');
  const body = await stream.read(length);
  if (body[length - 1] !== NEWLINE) throw invalidMessage('a message does not end with a newline');
  return body.subarray(0, -1);
}

/** A varint of one or two bytes: all that the longest message needs, in the fewest bytes. */
function decodeLength(prefix: Buffer): number {
  const low = prefix[0]!;
  if (low <= 0x7f) return low;
  const high = prefix[1] ?? 0;
  if (high > 0x7f) throw tooLong();
  if (high === 0) throw invalidMessage('a length is a varint longer than it has to be');
  return (low & 0x7f) | (high << 7);
}

function tooLong(): PeerError {
  return new PeerError(
    'P2P_ERR_FRAME_TOO_LARGE',
    `multistream-select: a message is longer than ${MAX_MESSAGE_LENGTH} bytes`,
  );
}
