/** The first byte of U+D000 to U+DFFF in UTF-8: of Korean letters, and of what would be half of a surrogate pair. */
const FIRST = 0xed;
/** The lowest second byte of a half, which no UTF-8 has. */
const HALF = 0xa0;

/** Whether there may be half of a surrogate pair: one look at all bytes, as next to nobody sends one. */
export function mayHaveHalfSurrogates(bytes: Buffer): boolean {
  return bytes.includes(FIRST);
}

/**
 * Writes U+FFFD where half of a surrogate pair stands in the text of so many bytes, in place: both take three bytes.
 *
 * `cbor-x` writes a half as if it were a character, which is malformed: Go, Rust and Python refuse the whole message.
 */
export function replaceHalfSurrogates(bytes: Buffer, at: number, size: number): void {
  for (let index = at; index < at + size - 2; index++) {
    if (bytes[index] !== FIRST || bytes[index + 1]! < HALF) continue;
    bytes[index] = 0xef;
    bytes[index + 1] = 0xbf;
    bytes[index + 2] = 0xbd;
  }
}
