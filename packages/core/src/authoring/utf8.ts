import { isUtf8 } from 'node:buffer';
import { PeerError } from '../errors/errors.js';

/**
 * The string that `bytes` are, from `start` (inclusive) to `end` (exclusive).
 * @throws {PeerError} P2P_ERR_INVALID_FRAME when they are not UTF-8
 */
export function decodeUtf8(bytes: Buffer, start = 0, end = bytes.length): string {
  const text = bytes.toString('utf8', start, end);
  // What is malformed becomes U+FFFD, but a U+FFFD may have been sent: only then the bytes are worth a second look.
  if (text.includes('\uFFFD') && !isUtf8(bytes.subarray(start, end))) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the bytes are not UTF-8');
  }
  return text;
}

/** Whether `text` takes at most `limit` bytes as UTF-8. */
export function fitsUtf8(text: string, limit: number): boolean {
  // A UTF-16 unit takes one to three bytes: mostly its length tells, and nothing has to be counted.
  if (text.length * 3 <= limit) return true;
  return text.length <= limit && Buffer.byteLength(text) <= limit;
}
