import { deflateRawSync } from 'node:zlib';

const MIB = 1024 * 1024;

export type GreedyCodec =
  | 'compressed'
  | 'compressedJson'
  | 'json'
  | 'jsonLines'
  | 'tagged'
  | 'validated'
  | 'msgpack'
  | 'cbor'
  | 'protobuf'
  | 'lengthDelimited'
  | 'varintDelimited'
  | 'delimiter'
  | 'lines'
  | 'fixedLength'
  | 'bytes';

/** Bytes that are much more in memory than on the wire, or are many. */
export interface Greedy {
  readonly what: string;
  readonly codec: GreedyCodec;
  readonly bytes: Buffer;
}

/** As much as a frame may hold by default. */
const FULL = MIB;
/** As many objects as a message may become by default, nearly. */
const FEW = 99_000;

/** What each codec that we ship is hurt most by. */
export const GREEDY: readonly Greedy[] = [
  { what: 'zeros', codec: 'compressed', bytes: framed(deflateRawSync(Buffer.alloc(FULL))) },
  { what: 'lists', codec: 'compressedJson', bytes: framed(deflateRawSync(jsonOf('[]', Infinity))) },
  { what: 'lists', codec: 'json', bytes: framed(jsonOf('[]', Infinity)) },
  { what: 'maps', codec: 'json', bytes: framed(jsonOf('{}', Infinity)) },
  { what: 'as many lists as are let through', codec: 'json', bytes: framed(jsonOf('[]', FEW)) },
  { what: 'as many lists as are let through', codec: 'jsonLines', bytes: lineOf(jsonOf('[]', FEW)) },
  { what: 'as many lists as are let through', codec: 'tagged', bytes: framed(taggedOf(jsonOf('[]', FEW))) },
  { what: 'as many lists as are let through', codec: 'validated', bytes: framed(jsonOf('[]', FEW)) },
  { what: 'empty maps', codec: 'msgpack', bytes: framed(listOf(0xdd, 0x80, Infinity)) },
  { what: 'empty maps', codec: 'cbor', bytes: framed(listOf(0x9a, 0xa0, Infinity)) },
  { what: 'empty messages', codec: 'protobuf', bytes: varintFramed(emptyValues(FULL / 2)) },
  { what: 'full frames', codec: 'lengthDelimited', bytes: framed(Buffer.alloc(FULL)) },
  { what: 'empty frames', codec: 'lengthDelimited', bytes: Buffer.alloc(FULL) },
  { what: 'empty frames', codec: 'varintDelimited', bytes: Buffer.alloc(FULL) },
  { what: 'empty frames', codec: 'delimiter', bytes: Buffer.alloc(FULL, ';') },
  { what: 'empty lines', codec: 'lines', bytes: Buffer.alloc(FULL, '\n') },
  { what: 'frames of a byte', codec: 'fixedLength', bytes: Buffer.alloc(FULL) },
  { what: 'bytes', codec: 'bytes', bytes: Buffer.alloc(FULL) },
];

function framed(payload: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(payload.length);
  return Buffer.concat([head, payload]);
}

function varintFramed(payload: Buffer): Buffer {
  const head: number[] = [];
  let left = payload.length;
  for (; left > 0x7f; left >>>= 7) head.push((left & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, left]), payload]);
}

function lineOf(payload: Buffer): Buffer {
  return Buffer.concat([payload, Buffer.from('\n')]);
}

/** A list in JSON that fills a frame: `count` times `item`, then numbers. */
function jsonOf(item: string, count: number): Buffer {
  const room = FULL - 64;
  const items = Math.min(count, Math.floor((room - 1) / (item.length + 1)));
  const text = `[${`${item},`.repeat(items)}`;
  return Buffer.from(`${text}${'1,'.repeat(Math.floor((room - text.length) / 2))}0]`);
}

function taggedOf(list: Buffer): Buffer {
  const head = '{"type":"list","list":';
  return Buffer.concat([Buffer.from(head), list, Buffer.from('}')]);
}

/** A list of MessagePack or CBOR, of 32 bit length, that fills a frame: `count` times `item`, then zeros. */
function listOf(tag: number, item: number, count: number): Buffer {
  const payload = Buffer.alloc(FULL);
  payload.writeUInt8(tag, 0);
  payload.writeUInt32BE(FULL - 5, 1);
  payload.fill(item, 5, Math.min(5 + count, FULL));
  return payload;
}

/** A `google.protobuf.ListValue` of `count` values that are empty. */
function emptyValues(count: number): Buffer {
  const payload = Buffer.alloc(2 * count);
  for (let at = 0; at < payload.length; at += 2) payload.writeUInt8(0x0a, at);
  return payload;
}
