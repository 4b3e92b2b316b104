import { tooManyObjects } from './object-limit.js';
import { BACKSLASH, CLOSE_MAP, OPEN_LIST, OPEN_MAP, QUOTE } from './json-signs.js';

/**
 * Lets through JSON of `limit` objects at most. Each takes two characters, so what is short needs no look.
 *
 * @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE
 */
export function requireFewObjects(text: string, limit: number): void {
  if (text.length <= limit * 2) return;
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfText(text, at + 1);
    else if (unit === OPEN_LIST) count++;
    // A map that has keys takes as much again for its shape.
    else if (unit === OPEN_MAP) count += text.charCodeAt(at + 1) === CLOSE_MAP ? 1 : 2;
    if (count > limit) throw tooManyObjects(limit);
  }
}

/** Where the quote is that ends the text which begins at `at`. */
export function endOfText(text: string, at: number): number {
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote === -1) return text.length;
    let escapes = 0;
    while (text.charCodeAt(quote - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return quote;
    at = quote + 1;
  }
}
