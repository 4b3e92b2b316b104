/** The alphabets of whole numbers in another base, most significant digit first. */
const RADIX = {
  base36: '0123456789abcdefghijklmnopqrstuvwxyz',
  base58: '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz',
} as const;

/** RFC 4648, section 6, in lower case. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Bytes as one whole number in the alphabet of Bitcoin; each zero byte at the front is a `1`. */
export function toBase58(bytes: Uint8Array): string {
  const alphabet = RADIX.base58;
  const zeros = bytes.findIndex((byte) => byte !== 0);
  let text = '';
  for (let rest = BigInt(`0x0${Buffer.from(bytes).toString('hex')}`); rest > 0n; rest /= 58n) {
    text = alphabet[Number(rest % 58n)]! + text;
  }
  return '1'.repeat(zeros === -1 ? bytes.length : zeros) + text;
}

/**
 * The bytes of a whole number in another base; undefined where a character is not of its alphabet.
 *
 * note: it takes time with the square of the length, which the caller bounds.
 */
export function fromRadix(base: keyof typeof RADIX, text: string): Uint8Array | undefined {
  const alphabet = RADIX[base];
  let number = 0n;
  for (const character of text) {
    const digit = alphabet.indexOf(character);
    if (digit === -1) return undefined;
    number = number * BigInt(alphabet.length) + BigInt(digit);
  }
  const hex = number === 0n ? '' : number.toString(16);
  const zeros = [...text].findIndex((character) => character !== alphabet[0]);
  const front = new Uint8Array(zeros === -1 ? text.length : zeros);
  return Buffer.concat([front, Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')]);
}

/** The bytes of RFC 4648 base 32 without padding; undefined where a character is not of it, or bits are left over. */
export function fromBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let [bits, count] = [0, 0];
  for (const character of text) {
    const digit = BASE32.indexOf(character);
    if (digit === -1) return undefined;
    bits = (bits << 5) | digit;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push(bits >> count);
    bits &= (1 << count) - 1;
  }
  return count < 5 && bits === 0 ? Uint8Array.from(bytes) : undefined;
}
