import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decode as libraryDecode, Encoder } from 'cbor-x';
import { lengthDelimited } from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { codeOf, decode, encode, Sending, thrownBy } from './drive.js';

const frame = (hex: string): Buffer => encode(lengthDelimited(), Buffer.from(hex, 'hex'));
const payload = (message: unknown): Buffer => encode(cbor(), message).subarray(4);
const invalidFrame = 'P2P_ERR_INVALID_FRAME';

describe('cbor', () => {
  // RFC 8949, appendix A.
  it.each([
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1000],
    ['1a000f4240', 1_000_000],
    ['1bffffffffffffffff', 18446744073709551615n],
    ['20', -1],
    ['3903e7', -1000],
    ['fb3ff199999999999a', 1.1],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['82f6f7', [null, undefined]],
    ['4401020304', Buffer.of(1, 2, 3, 4)],
    ['6449455446', 'IETF'],
    ['62c3bc', 'ü'],
    ['83010203', [1, 2, 3]],
    ['a26161016162820203', { a: 1, b: [2, 3] }],
    ['c11a514b67b0', new Date('2013-03-21T20:04:00Z')],
  ])('writes %s as RFC 8949 has it', (hex, message) => {
    expect(payload(message).toString('hex')).toBe(hex);
    expect(decode(cbor(), frame(hex))).toEqual([message]);
  });

  it.each([
    ['f93c00', 1],
    ['f97e00', NaN],
    ['fa47c35000', 100_000],
    ['c1fb41d452d9ec200000', new Date('2013-03-21T20:04:00.500Z')],
    ['3b0000000000000000', -1],
    ['1b0000000000000001', 1],
    ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['1b0020000000000000', 2n ** 53n],
    ['3b001ffffffffffffe', Number.MIN_SAFE_INTEGER],
    ['3b001fffffffffffff', -(2n ** 53n)],
    ['c11b000000006553f100', new Date(1_700_000_000_000)],
    ['c074323032332d31312d31345432323a31333a32305a', new Date('2023-11-14T22:13:20Z')],
    [
      'c0781d323032332d31312d31345432333a31333a32302e3530302b30313a3030',
      new Date('2023-11-14T22:13:20.500Z'),
    ],
  ])('reads %s, which others write', (hex, message) => {
    expect(decode(cbor(), frame(hex))).toEqual([message]);
  });

  it.each([
    ['1affffffff', 2 ** 32 - 1],
    ['1b0000000100000000', 2 ** 32],
    ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['3affffffff', -(2 ** 32)],
    ['3b0000000100000000', -(2 ** 32) - 1],
    ['3b001ffffffffffffe', Number.MIN_SAFE_INTEGER],
    ['fb4340000000000000', 2 ** 53],
    ['fb41f0000000080000', 2 ** 32 + 0.5],
  ])('writes %s for a number beyond 32 bits: whole ones as integers', (hex, message) => {
    expect(payload(message).toString('hex')).toBe(hex);
    expect(decode(cbor(), frame(hex))).toEqual([message]);
  });

  it('whole numbers travel as integers, wherever they stand, and arrive as they were', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true }))), (numbers) => {
        const message = { numbers, last: numbers.at(-1) ?? 0, at: new Date(5_000_000_000_000) };
        const [back] = decode<typeof message>(cbor(), encode(cbor(), message));
        expect(back!.numbers.map((number) => number + 0)).toEqual(numbers.map((number) => number + 0));
        expect(back!.at).toEqual(message.at);
      }),
      { numRuns: 200 },
    );
  });

  it('agrees with the library itself, byte for byte', () => {
    const library = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false });
    for (const message of [
      { a: 1, b: [1, -2, 3.5], c: 'ü'.repeat(100), d: { e: null, f: true } },
      Array.from({ length: 70_000 }, (_, index) => index),
      Object.fromEntries(Array.from({ length: 66_000 }, (_, index) => [`k${index}`, index])),
      'x'.repeat(70_000),
      Uint8Array.from({ length: 70_000 }),
    ]) {
      const bytes = payload(message);
      expect(bytes.equals(library.encode(message))).toBe(true);
      const back: unknown = libraryDecode(bytes);
      expect(back).toEqual(message instanceof Uint8Array ? Buffer.from(message) : message);
    }
  });

  it('a map is sent as an object, an object of a class as a plain one or as its toJSON()', () => {
    class Point {
      readonly x = 1;
    }
    const sent = {
      map: new Map([['a', 1]]),
      point: new Point(),
      json: new (class {
        toJSON = () => 5;
      })(),
    };
    expect(decode(cbor(), encode(cbor(), sent))).toEqual([{ map: { a: 1 }, point: { x: 1 }, json: 5 }]);
  });

  it('a message that cannot be sent leaves nothing, neither in the stream nor in the library', () => {
    const sending = new Sending(cbor());
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
      new Set([1]),
      /x/,
      new Error('e'),
      new Float32Array(1),
    ]) {
      sending.send({ before: 1 });
      expect(codeOf(() => sending.send(message))).toBe(invalidFrame);
      expect(sending.halfWritten).toBe(0);
      expect(decode(cbor(), sending.take())).toEqual([{ before: 1 }]);
    }
  });
});

/** Why a frame is refused: by us, before the library sees it. */
const refusal = (wire: Buffer): string => thrownBy(() => decode(cbor(), wire)).message;
const ours = /^a frame of CBOR .*; check that both sides use the same codec/;

describe('hostile CBOR', () => {
  it.each([
    ['a date as a text that is not one', 'c06130'],
    ['a date as text that is a number', 'c000'],
    ['a date in a month that there is not', `c074${Buffer.from('2023-13-14T22:13:20Z').toString('hex')}`],
    ['a date that is cut short', 'c07432303233'],
    ['a big integer', 'c24105'],
    ['a packed value', 'd833848100808000'],
    ['a reference to a packed value', 'c600'],
    ['an object of a class', 'd81b8265457272726f7261'.slice(0, 4) + '82654572726f726178'],
    ['a value to be shared', 'd81c80'],
    ['a reference to a shared value', 'd81d00'],
    ['a typed array', 'd8404100'],
    ['a record', 'd9dfff8300816161' + '05'],
    ['definitions of records', 'd9dffe8200816161' + '05'],
    ['bundled strings', 'd9dff982'],
    ['a set', 'd901028101'],
    ['the mark of CBOR', 'd9d9f700'],
    ['a tag that nobody knows', 'da7fffffff00'],
    ['a time that is a text', 'c16130'],
    ['a time that is a list', 'c180'],
    ['a time that is a time', 'c1c100'],
    ['a time that is null', 'c1f6'],
    ['a simple value', 'e0'],
    ['a simple value of a byte', 'f8ff'],
    ['bytes of no stated length', '5f4101ff'],
    ['a text of no stated length', '7f6161ff'],
    ['a list of no stated length', '9f01ff'],
    ['a map of no stated length', 'bf616101ff'],
    ['a break', 'ff'],
    ['a reserved size', '1c'],
  ])('no tag and nothing unusual comes through: %s', (_what, hex) => {
    expect(refusal(frame(hex))).toMatch(ours);
    expect(refusal(frame(`81${hex}`))).toMatch(ours);
  });

  it('a tag that is refused is named', () => {
    expect(refusal(frame('d825500102030405060708090a0b0c0d0e0f10'))).toMatch(
      /holds the tag 37; known are 0 and 1/,
    );
  });

  it.each([
    ['a list of four billion', '9affffffff'],
    ['a list of more than numbers count', '9bffffffffffffffff'],
    ['a map of four billion', 'baffffffff'],
    ['a map with half of its entries', 'a2616101'],
    ['lists that each declare what is left', `${'990060'.repeat(5)}${'00'.repeat(100)}`],
    ['a text of four billion', '7affffffff61'],
    ['bytes of more than numbers count', '5bffffffffffffffff61'],
    ['a text cut short', '6561'],
    ['a number cut short', 'fb3ff8'],
    ['a head cut short', '9a00'],
    ['nothing', ''],
    ['two values', '0102'],
  ])('what declares more than it holds, or holds more, is refused: %s', (_what, hex) => {
    expect(refusal(frame(hex))).toMatch(ours);
  });

  it('nests up to 100 deep', () => {
    const nested = (depth: number): Buffer => frame(`${'81'.repeat(depth)}00`);
    expect(decode(cbor(), nested(100))).toHaveLength(1);
    expect(refusal(nested(101))).toMatch(ours);
    expect(refusal(nested(900_000))).toMatch(ours);
  });

  it('no key reaches a prototype', () => {
    const [message] = decode(
      cbor(),
      frame(
        `a169${Buffer.from('__proto__').toString('hex')}a1657865786563f5`.replace(
          '657865786563',
          '6561646d696e',
        ),
      ),
    );
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
    expect(message).toEqual({ __proto_: { admin: true } });
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });

  it('a key that is a list or a map is refused', () => {
    expect(codeOf(() => decode(cbor(), frame('a1810102')))).toBe(invalidFrame);
    expect(codeOf(() => decode(cbor(), frame('a1a002')))).toBe(invalidFrame);
  });
});
