import { mayHaveHalfSurrogates, replaceHalfSurrogates } from './half-surrogates.js';
import { indexIn } from './object-limit.js';
import { COMPLETE, PlainFrame } from './plain-frame.js';
import { CBOR_INTEGERS, floatToInteger, integerToFloat } from './whole-numbers.js';

/** A date and time as text, as RFC 3339 has it; what Python's `datetime` is sent as. */
const TEXT_TIME = 0;
/** Seconds since 1970, as a number. */
const EPOCH_TIME = 1;
/** RFC 3339, section 5.6; the longest that is taken has nine digits of a second. */
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;
const LONGEST_TIME = 35;

const UNDEFINED = 0xf7;

const frame = new PlainFrame('CBOR');

/**
 * Lets through what is one item of CBOR (RFC 8949), complete, with lengths that are stated, and no tags but those of a time.
 *
 * The library knows tags of its own that a stranger could use: definitions of records, shared values that make cycles,
 * packed values, errors, expressions, integers whose conversion takes the square of their size. None of them comes by here.
 *
 * ```text
 * [ major type: 3 bits | value or size of the value: 5 bits ][ value: 0, 1, 2, 4 or 8 bytes ][ content ]
 *   0, 1 integer   2 bytes   3 text   4 list   5 map   6 tag   7 false, true, null, undefined, floats
 * ```
 *
 * note: a number means the same to the library and to others afterwards: whole numbers become integers on the way out, and
 * integers of eight bytes that are safe become what it reads as a number on the way in, in place. Text is UTF-8 on the way
 * out, in the same manner.
 * @param direction `'out'` for what the library has just written
 * @throws {PeerError} P2P_ERR_INVALID_FRAME for everything else; P2P_ERR_FRAME_TOO_LARGE for more than `maxObjects`.
 */
export function requirePlainCbor(bytes: Buffer, maxObjects: number, direction: 'in' | 'out'): void {
  frame.begin(bytes.length, maxObjects);
  if (bytes.length === 1 && bytes[0] === UNDEFINED)
    throw frame.refused('holds undefined alone, which is not a message');
  let at = 0;
  let time: number | undefined;
  const hasHalves = direction === 'out' && mayHaveHalfSurrogates(bytes);
  let owed = 1;
  let isMap = false;
  for (;;) {
    while (owed === 0) {
      owed = frame.leave();
      isMap = frame.isMap;
    }
    if (owed === COMPLETE) break;
    owed--;
    if (at >= bytes.length) frame.requireEnd(at + 1);
    const head = bytes[at++]!;
    const major = head >> 5;
    const short = head & 0x1f;
    if (short > 0x1b) {
      throw frame.refused(short === 0x1f ? 'states no length' : 'holds a byte that CBOR never uses');
    }
    const size = short < 0x18 ? 0 : 1 << (short - 0x18);
    const isFloat = major === 7 && size >= 2;
    if (time === EPOCH_TIME && major > 1 && !isFloat)
      throw frame.refused('holds a time that is not a number');
    if (major === 7 && !isFloat && (short < 0x14 || short > 0x17)) {
      throw frame.refused('holds a simple value other than a boolean, null or undefined');
    }
    const value = size === 0 ? short : uint(bytes, at, size);
    if (size === 8 && at + size <= bytes.length) {
      if (major <= 1 && direction === 'in') integerToFloat(bytes, at - 1, CBOR_INTEGERS);
      else if (isFloat && direction === 'out') floatToInteger(bytes, at - 1, CBOR_INTEGERS);
    }
    at += size;
    if (time === TEXT_TIME && !(major === 3 && isTime(bytes, at, value)))
      throw frame.refused('holds a time that RFC 3339 does not know');
    time = undefined;
    if (isMap && (owed & 1) === 1) {
      if (major === 0) frame.addKey(value);
      else if (major === 3) frame.addKey(indexIn(bytes, at, value));
      else if (isFloat) frame.addUnknownKey();
      else if (major !== 1 && major !== 7) throw frame.refusedKey();
    }
    if (major === 2) frame.addObject();
    else if (major === 3 && hasHalves) replaceHalfSurrogates(bytes, at, value);
    if (major === 2 || major === 3) at += value;
    if (major === 6) {
      if (value !== EPOCH_TIME && value !== TEXT_TIME)
        throw frame.refused(`holds the tag ${value}; known are ${TEXT_TIME} and ${EPOCH_TIME}, a time`);
      time = value;
    }
    if (at > bytes.length) frame.requireEnd(at);
    if (major < 4 || major === 7) continue;
    isMap = major === 5;
    const items = major === 6 ? 1 : isMap ? value * 2 : value;
    frame.enter(items, at, isMap, owed);
    owed = items;
  }
  frame.requireEnd(at);
}

/** Whether the text of so many bytes is a time that there is. */
function isTime(bytes: Buffer, at: number, size: number): boolean {
  if (size > LONGEST_TIME) return false;
  const text = bytes.toString('latin1', at, at + size);
  return RFC_3339.test(text) && !Number.isNaN(Date.parse(text));
}

/** The unsigned integer of 1 to 8 bytes; beyond the end of the frame it reads zeros, and the frame is refused as too short. */
function uint(bytes: Buffer, at: number, size: number): number {
  let value = 0;
  for (let index = 0; index < size; index++) value = value * 256 + byteAt(bytes, at + index);
  return value;
}

function byteAt(bytes: Buffer, at: number): number {
  return at < bytes.length ? bytes[at]! : 0;
}
