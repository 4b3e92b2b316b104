import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Packr, unpack } from 'msgpackr';
import { lengthDelimited } from '@pea2pea/codecs';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { codeOf, decode, encode, Sending, thrownBy } from './drive.js';

const frame = (...parts: (string | Uint8Array | number[])[]): Buffer =>
  encode(
    lengthDelimited(),
    Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
    ),
  );
const payload = (message: unknown): Buffer => encode(msgpack(), message).subarray(4);
const invalidFrame = 'P2P_ERR_INVALID_FRAME';

describe('msgpack', () => {
  it.each([
    ['81a474657874a568656c6c6f', { text: 'hello' }],
    ['93010203', [1, 2, 3]],
    ['c0', null],
    ['c3', true],
    ['ff', -1],
    ['ccff', 255],
    ['cd0100', 256],
    ['cb3ff8000000000000', 1.5],
    ['c403616263', Buffer.from('abc')],
    ['d6ff00000001', new Date(1000)],
    ['cf8000000000000000', 2n ** 63n],
    ['ceffffffff', 2 ** 32 - 1],
    ['cf0000000100000000', 2 ** 32],
    ['cf001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['d3fffffffeffffffff', -(2 ** 32) - 1],
    ['d3ffe0000000000001', Number.MIN_SAFE_INTEGER],
    ['cb4340000000000000', 2 ** 53],
    ['cb41f0000000080000', 2 ** 32 + 0.5],
  ])('writes %s as the specification has it', (hex, message) => {
    expect(payload(message).toString('hex')).toBe(hex);
    expect(decode(msgpack(), frame(Buffer.from(hex, 'hex')))).toEqual([message]);
  });

  it('agrees with the library itself, byte for byte', () => {
    const library = new Packr({ useRecords: false, variableMapSize: true });
    for (const message of [
      { a: 1, b: [1, -2, 3.5], c: 'ü'.repeat(100), d: { e: null, f: true } },
      Array.from({ length: 70_000 }, (_, index) => index),
      Object.fromEntries(Array.from({ length: 66_000 }, (_, index) => [`k${index}`, index])),
      'x'.repeat(70_000),
      Buffer.alloc(70_000),
    ]) {
      const bytes = payload(message);
      expect(bytes.equals(library.pack(message))).toBe(true);
      expect(unpack(bytes)).toEqual(message);
    }
  });

  it('64-bit integers are numbers where those count exactly', () => {
    const read = (hex: string): unknown => decode(msgpack(), frame(Buffer.from(hex, 'hex')))[0];
    expect(read('cf0000000000000005')).toBe(5);
    expect(read('d3fffffffffffffffb')).toBe(-5);
    expect(read('cf001fffffffffffff')).toBe(Number.MAX_SAFE_INTEGER);
    expect(read('cf0020000000000000')).toBe(2n ** 53n);
    expect(read('d3ffe0000000000001')).toBe(Number.MIN_SAFE_INTEGER);
    expect(read('d3ffe0000000000000')).toBe(-(2n ** 53n));
    expect(read('d30000000000000005')).toBe(5);
    expect(read('d3001fffffffffffff')).toBe(Number.MAX_SAFE_INTEGER);
    expect(read('d37fffffffffffffff')).toBe(2n ** 63n - 1n);
    expect(read('cfffffffffffffffff')).toBe(2n ** 64n - 1n);
    expect(read('d38000000000000000')).toBe(-(2n ** 63n));
  });

  it('whole numbers travel as integers, wherever they stand, and arrive as they were', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true }))), (numbers) => {
        const message = {
          numbers,
          map: Object.fromEntries(numbers.map((number, index) => [`k${index}`, number])),
        };
        const [back] = decode<typeof message>(msgpack(), encode(msgpack(), message));
        expect(back!.numbers.map((number) => number + 0)).toEqual(numbers.map((number) => number + 0));
        expect(Object.keys(back!.map)).toEqual(Object.keys(message.map));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['an Int16Array', new Int16Array(4)],
    ['a Float64Array', new Float64Array(2)],
    ['a BigUint64Array', new BigUint64Array(1)],
    ['an Int8Array', new Int8Array(2)],
    ['a Uint8ClampedArray', new Uint8ClampedArray(2)],
    ['a DataView', new DataView(new ArrayBuffer(4))],
  ])('%s is refused wherever it stands: MessagePack has no type for it', (_what, view) => {
    for (const message of [view, [1, view], { a: { b: view } }, new Map([['a', view]]), new Set([view])])
      expect(codeOf(() => encode(msgpack(), message))).toBe(invalidFrame);
  });

  it('a Uint8Array that is part of another arrives as its bytes, and not one more', () => {
    const view = Uint8Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(decode(msgpack(), encode(msgpack(), { view }))).toEqual([{ view: Buffer.from([2, 3]) }]);
  });

  it('what MessagePack does not know is sent as the nearest that it knows', () => {
    class Point {
      readonly x = 1;
    }
    const sent = {
      map: new Map([['a', 1]]),
      set: new Set([1]),
      none: undefined,
      point: new Point(),
      json: new (class {
        toJSON = () => 5;
      })(),
    };
    expect(decode(msgpack(), encode(msgpack(), sent))).toEqual([
      { map: { a: 1 }, set: [1], none: null, point: { x: 1 }, json: 5 },
    ]);
  });

  it('bytes in a message are those of the frame, not shared with another', () => {
    const [one, other] = decode<{ b: Buffer }>(
      msgpack(),
      encode(msgpack(), { b: Buffer.from('abc') }, { b: Buffer.from('def') }),
    );
    expect([String(one!.b), String(other!.b)]).toEqual(['abc', 'def']);
    expect(Buffer.isBuffer(one!.b)).toBe(true);
  });

  it('a message that cannot be sent leaves nothing, neither in the stream nor in the library', () => {
    const sending = new Sending(msgpack());
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const fails = {
      get bad(): never {
        throw new Error('no');
      },
    };
    for (const message of [
      2n ** 64n,
      Symbol('s'),
      cycle,
      [1, fails],
      new (class {
        toJSON = () => encode(msgpack(), fails);
      })(),
    ]) {
      sending.send({ before: 1 });
      expect(codeOf(() => sending.send(message))).toBe(invalidFrame);
      expect(sending.halfWritten).toBe(0);
      expect(decode(msgpack(), sending.take())).toEqual([{ before: 1 }]);
    }
  });
});

/** Why a frame is refused: by us, before the library sees it. */
const refusal = (wire: Buffer): string => thrownBy(() => decode(msgpack(), wire)).message;
const ours = /^a frame of MessagePack .*; check that both sides use the same codec/;

describe('hostile MessagePack', () => {
  it.each([
    ['a record definition', ['d4724091a161', '05']],
    ['a record definition of two bytes', ['d57240', '0091a161', '05']],
    ['an error', ['c70665', '92a1', '45a178']],
    ['a regular expression', ['c70678', '92a128a0']],
    ['a set', ['d473', '00', '9101']],
    ['a typed array', ['c70574', '0400000000']],
    ['a pointer', ['d669', '00000001', '91d67000000001']],
    ['bundled strings', ['d662', '00000001']],
    ['undefined as an extension', ['d40000']],
    ['a big integer', ['c70342', '010203']],
    ['an extension that nobody knows', ['d405', '00']],
    ['a timestamp of a size that there is not', ['c702ff', '0000']],
    ['the byte that is never used', ['c1']],
  ])('no extension comes through: %s', (_what, hex) => {
    expect(refusal(frame(Buffer.from(hex.join(''), 'hex')))).toMatch(ours);
    expect(codeOf(() => decode(msgpack(), frame([0x91], Buffer.from(hex.join(''), 'hex'))))).toBe(
      invalidFrame,
    );
  });

  it('timestamps of all three sizes come through', () => {
    for (const hex of ['d6ff00000001', 'd7ff0000000000000001', 'c70cff000000000000000000000001']) {
      expect(decode(msgpack(), frame(Buffer.from(hex, 'hex')))).toEqual([new Date(1000)]);
    }
  });

  it.each([
    ['a list of four billion', 'ddffffffff'],
    ['a map of four billion', 'dfffffffff'],
    ['a map with half of its entries', '82a16101'],
    ['lists that each declare what is left', `${'dd0000ffff'.repeat(5)}${'00'.repeat(100)}`],
    ['a text of four billion', 'dbffffffff61'],
    ['bytes of four billion', 'c6ffffffff61'],
    ['a text cut short', 'a561'],
    ['a number cut short', 'cb3ff8'],
    ['a head cut short', 'dd00'],
    ['nothing', ''],
    ['two values', '0102'],
    ['bytes behind a value', 'a16100'],
  ])('what declares more than it holds, or holds more, is refused: %s', (_what, hex) => {
    expect(refusal(frame(Buffer.from(hex, 'hex')))).toMatch(ours);
  });

  it('nests up to 100 deep', () => {
    const nested = (depth: number): Buffer => frame(Buffer.alloc(depth, 0x91), [0xc0]);
    expect(decode(msgpack(), nested(100))).toHaveLength(1);
    expect(refusal(nested(101))).toMatch(ours);
    expect(refusal(nested(900_000))).toMatch(ours);
    let deep: unknown = 1;
    for (let depth = 0; depth < 101; depth++) deep = [deep];
    expect(codeOf(() => encode(msgpack(), deep))).toBe(invalidFrame);
  });

  it('no key reaches a prototype', () => {
    const [message] = decode(msgpack(), frame([0x81, 0xa9], '__proto__', [0x81, 0xa5], 'admin', [0xc3]));
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
    expect(message).toEqual({ __proto_: { admin: true } });
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
    const [other] = decode(msgpack(), frame([0x81, 0xab], 'constructor', [0x81, 0xa9], 'prototype', [0x05]));
    expect(Object.hasOwn(Object(other) as object, 'constructor')).toBe(true);
  });

  it('a key that is a list or a map is refused', () => {
    expect(codeOf(() => decode(msgpack(), frame([0x81, 0x91, 0x01, 0x02])))).toBe(invalidFrame);
    expect(codeOf(() => decode(msgpack(), frame([0x81, 0x80, 0x02])))).toBe(invalidFrame);
  });

  it('malformed UTF-8 becomes U+FFFD', () => {
    expect(decode(msgpack(), frame([0xa3], 'a\xffb'))).toEqual(['a\uFFFDb']);
  });
});
