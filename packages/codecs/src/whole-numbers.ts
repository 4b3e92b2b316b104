/**
 * Numbers of nine bytes, in place: a type and eight bytes, of a float or of an integer.
 *
 * The libraries write whole numbers from 2^32 on as floats, which Go's `int64` and Rust's `i64` refuse, and read integers
 * of eight bytes as BigInt, or not at all. A float that is whole and an integer that is safe are the same number here.
 */

/** The type of an integer that is not negative, of one that may be or is, and of a float. */
export interface IntegerTypes {
  readonly positive: number;
  readonly negative: number;
  readonly float: number;
}

/** The integer types of MessagePack: uint 64 and int 64, in two's complement. */
export const MSGPACK_INTEGERS: IntegerTypes = { positive: 0xcf, negative: 0xd3, float: 0xcb };

/** The integer types of CBOR: an unsigned integer n, and -1 - n. */
export const CBOR_INTEGERS: IntegerTypes = { positive: 0x1b, negative: 0x3b, float: 0xfb };

/** Makes the float at `at` an integer where it is a safe one. */
export function floatToInteger(bytes: Buffer, at: number, types: IntegerTypes): void {
  const value = bytes.readDoubleBE(at + 1);
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return;
  bytes[at] = value < 0 ? types.negative : types.positive;
  writeInteger(bytes, at + 1, value < 0 && types === CBOR_INTEGERS ? -1 - value : value);
}

/** Makes the integer of eight bytes at `at` a float where it is a safe one: the libraries read it as a number then. */
export function integerToFloat(bytes: Buffer, at: number, types: IntegerTypes): void {
  const isNegative = bytes[at] === types.negative;
  const isSigned = isNegative && types === MSGPACK_INTEGERS;
  const high = isSigned ? bytes.readInt32BE(at + 1) : bytes.readUInt32BE(at + 1);
  const size = high * HALF + bytes.readUInt32BE(at + 5);
  const value = isNegative && !isSigned ? -1 - size : size;
  if (!Number.isSafeInteger(value)) return;
  bytes[at] = types.float;
  bytes.writeDoubleBE(value, at + 1);
}

/** The numbers that four bytes have. */
const HALF = 2 ** 32;

/** A safe integer in eight bytes, in two's complement; byte by byte, as a BigInt or the methods of a Buffer cost several times as much. */
function writeInteger(bytes: Buffer, at: number, value: number): void {
  writeHalf(bytes, at, Math.floor(value / HALF));
  writeHalf(bytes, at + 4, value >>> 0);
}

function writeHalf(bytes: Buffer, at: number, half: number): void {
  bytes[at] = half >> 24;
  bytes[at + 1] = half >> 16;
  bytes[at + 2] = half >> 8;
  bytes[at + 3] = half;
}
