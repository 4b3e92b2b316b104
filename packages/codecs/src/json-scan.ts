import { PeerError } from '@pea2pea/core';
import { BACKSLASH, CLOSE_LIST, CLOSE_MAP, COLON, COMMA, OPEN_LIST, OPEN_MAP, QUOTE } from './json-signs.js';

/** What is scanned: a `ByteQueue`, or bytes that look like one. */
export interface Scannable {
  readonly length: number;
  peek(offset: number): number;
  indexOf(byte: number, from: number): number;
}

/** Whether JSON allows `byte` between two values. */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/**
 * Finds where one JSON value ends, in bytes that may still be arriving. Each is looked at once, however they come.
 *
 * ```text
 *   first byte --- { [ ---> nested: counts brackets, skips strings --- depth 0 ---> end
 *        |-------- " ----> string --- " ---> end
 *        `-------- else -> word: number, true, false, null --- blank or bracket ---> end (not a part of it)
 * ```
 *
 * note: it finds the end of what is JSON. What is not is found to be so by who parses it, or has no end.
 */
export class JsonScan {
  readonly #maxDepth: number;
  #at = 0;
  #depth = 0;
  #isWord = false;
  /** Where the string begins that is being skipped; -1 outside of strings. */
  #stringStart = -1;

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
  }

  /** How many bytes were looked at. */
  get scanned(): number {
    return this.#at;
  }

  /** Whether the end of the stream is the end of the value. */
  get isWord(): boolean {
    return this.#isWord;
  }

  /** Where the value ends that begins at 0, or -1 where it needs more. Begin a new scan once it was found. */
  find(input: Scannable): number {
    while (this.#at < input.length) {
      if (this.#stringStart !== -1) {
        if (!this.#skipString(input)) return -1;
        if (this.#depth === 0) return this.#at;
        continue;
      }
      const byte = input.peek(this.#at);
      if (this.#isWord) {
        if (endsWord(byte)) return this.#at;
      } else if (byte === QUOTE) {
        this.#stringStart = this.#at + 1;
      } else if (byte === OPEN_MAP || byte === OPEN_LIST) {
        if (++this.#depth > this.#maxDepth) throw tooDeep(this.#maxDepth);
      } else if (this.#depth === 0) {
        if (endsWord(byte)) throw noValue();
        this.#isWord = true;
      } else if ((byte === CLOSE_MAP || byte === CLOSE_LIST) && --this.#depth === 0) {
        return ++this.#at;
      }
      this.#at++;
    }
    return -1;
  }

  /** To the end of the string; false where that has not come. */
  #skipString(input: Scannable): boolean {
    for (;;) {
      const quote = input.indexOf(QUOTE, this.#at);
      if (quote === -1) {
        this.#at = input.length;
        return false;
      }
      let escapes = 0;
      while (quote - escapes > this.#stringStart && input.peek(quote - 1 - escapes) === BACKSLASH) escapes++;
      this.#at = quote + 1;
      if (escapes % 2 === 1) continue;
      this.#stringStart = -1;
      return true;
    }
  }
}

function endsWord(byte: number): boolean {
  return (
    isBlank(byte) ||
    byte === QUOTE ||
    byte === OPEN_LIST ||
    byte === OPEN_MAP ||
    byte === CLOSE_LIST ||
    byte === CLOSE_MAP ||
    byte === COMMA ||
    byte === COLON
  );
}

function noValue(): PeerError {
  return new PeerError(
    'P2P_ERR_INVALID_FRAME',
    'a JSON value cannot begin with a closing bracket, a comma or a colon',
  );
}

function tooDeep(limit: number): PeerError {
  return new PeerError('P2P_ERR_FRAME_TOO_LARGE', `a JSON value is nested deeper than ${limit} levels`);
}
