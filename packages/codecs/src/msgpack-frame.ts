import { indexIn } from './object-limit.js';
import { COMPLETE, PlainFrame } from './plain-frame.js';
import { floatToInteger, integerToFloat, MSGPACK_INTEGERS } from './whole-numbers.js';

/** The one extension that the specification itself defines, as a signed byte: -1. */
const TIMESTAMP = 0xff;

const frame = new PlainFrame('MessagePack');

/**
 * Lets through what is one value of MessagePack, complete, with no extension but the timestamp.
 *
 * The library knows extensions of its own that a stranger could use: definitions of records, errors, sets, expressions,
 * pointers that make cycles. None of them comes by here, whatever its options are or become.
 *
 * ```text
 * 00-7f, e0-ff integer   80-8f map   90-9f list   a0-bf text   c0-c3 nil, (unused), booleans
 * c4-c6 bytes   c7-c9 extension   ca-d3 numbers   d4-d8 extension   d9-db text   dc-dd list   de-df map
 * ```
 *
 * note: a number means the same to the library and to others afterwards: whole numbers become integers on the way out, and
 * integers of eight bytes that are safe become what it reads as a number on the way in, in place.
 * @param direction `'out'` for what the library has just written
 * @throws {PeerError} P2P_ERR_INVALID_FRAME for everything else; P2P_ERR_FRAME_TOO_LARGE for more than `maxObjects`.
 */
export function requirePlainMsgpack(bytes: Buffer, maxObjects: number, direction: 'in' | 'out'): void {
  frame.begin(bytes.length, maxObjects);
  const { length } = bytes;
  let at = 0;
  let owed = 1;
  let isMap = false;
  for (;;) {
    while (owed === 0) {
      owed = frame.leave();
      isMap = frame.isMap;
    }
    if (owed === COMPLETE) break;
    owed--;
    if (at >= length) frame.requireEnd(at + 1);
    const token = bytes[at++]!;
    if (isMap && (owed & 1) === 1 && !isName(bytes, token, at)) countKey(bytes, token, at);
    if (token >= 0xa0) {
      if (token < 0xc0) {
        at += token - 0xa0;
        continue;
      }
      if (token >= 0xe0) continue;
    } else if (token < 0x80) continue;
    let items = NONE;
    if (token < 0x90) items = (token - 0x80) * 2;
    else if (token < 0xa0) items = token - 0x90;
    else if (token === 0xc1) throw frame.refused('holds a byte that MessagePack never uses');
    else if (token <= 0xc3) continue;
    else if (token <= 0xc6) {
      frame.addObject();
      at += uint(bytes, at, 1 << (token - 0xc4)) + (1 << (token - 0xc4));
    } else if (token <= 0xc9) at = endOfExtension(bytes, at, token);
    else if (token <= 0xd3) {
      const size = NUMBER_SIZES[token - 0xca]!;
      if (size === 8 && at + size <= bytes.length) withSafeIntegers(bytes, at - 1, direction);
      at += size;
    } else if (token <= 0xd8) at = endOfExtension(bytes, at, token);
    else if (token <= 0xdb) at += uint(bytes, at, 1 << (token - 0xd9)) + (1 << (token - 0xd9));
    else {
      const size = (token & 1) === 0 ? 2 : 4;
      const count = uint(bytes, at, size);
      at += size;
      items = token <= 0xdd ? count : count * 2;
    }
    if (at > bytes.length) frame.requireEnd(at);
    if (items === NONE) continue;
    isMap = token < 0x90 || token > 0xdd;
    frame.enter(items, at, isMap, owed);
    owed = items;
  }
  frame.requireEnd(at);
}

/** Whether a key is a short text that does not begin with a digit, as next to all do. */
function isName(bytes: Buffer, token: number, at: number): boolean {
  return token > 0xa0 && token < 0xc0 && at < bytes.length && bytes[at]! > 0x39;
}

/** In place of a count, where the item is neither a list nor a map. */
const NONE = -1;

/** ca to d3: two floats, four unsigned, four signed integers. */
const NUMBER_SIZES = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

/** The number of eight bytes at `at`: a float of ours that is whole goes out as an integer, a safe integer of theirs comes in. */
function withSafeIntegers(bytes: Buffer, at: number, direction: 'in' | 'out'): void {
  const isFloat = bytes[at] === MSGPACK_INTEGERS.float;
  if (isFloat && direction === 'out') floatToInteger(bytes, at, MSGPACK_INTEGERS);
  else if (!isFloat && direction === 'in') integerToFloat(bytes, at, MSGPACK_INTEGERS);
}

function endOfExtension(bytes: Buffer, at: number, token: number): number {
  const isFixed = token >= 0xd4;
  const head = isFixed ? 0 : 1 << (token - 0xc7);
  const size = isFixed ? 1 << (token - 0xd4) : uint(bytes, at, head);
  const isTimestamp = byteAt(bytes, at + head) === TIMESTAMP && (size === 4 || size === 8 || size === 12);
  if (!isTimestamp) throw frame.refused('holds an extension that is not a timestamp');
  frame.addObject();
  return at + head + 1 + size;
}

/** A key that begins with `token`, and goes on at `at`: whole numbers take room in the object, up to there. */
function countKey(bytes: Buffer, token: number, at: number): void {
  if (token < 0x80) frame.addKey(token);
  else if (token >= 0xa0 && token < 0xc0) frame.addKey(indexIn(bytes, at, token - 0xa0));
  else if (token === 0xcc || token === 0xd0) frame.addKey(uint(bytes, at, 1));
  else if (token === 0xcd || token === 0xd1) frame.addKey(uint(bytes, at, 2));
  else if (token === 0xce || token === 0xd2) frame.addKey(uint(bytes, at, 4));
  else if (token >= 0xca && token <= 0xd3) frame.addUnknownKey();
  else if (token === 0xd9) frame.addKey(indexIn(bytes, at + 1, uint(bytes, at, 1)));
  else if (token === 0xda) frame.addKey(indexIn(bytes, at + 2, uint(bytes, at, 2)));
  else if (token === 0xdb) frame.addKey(indexIn(bytes, at + 4, uint(bytes, at, 4)));
  else if (token !== 0xc0 && token !== 0xc2 && token !== 0xc3 && token < 0xe0) throw frame.refusedKey();
}

/** The unsigned integer of 1, 2 or 4 bytes; beyond the end of the frame it reads zeros, and the frame is refused as too short. */
function uint(bytes: Buffer, at: number, size: number): number {
  let value = 0;
  for (let index = 0; index < size; index++) value = value * 256 + byteAt(bytes, at + index);
  return value;
}

function byteAt(bytes: Buffer, at: number): number {
  return at < bytes.length ? bytes[at]! : 0;
}
