import { describe, expect, it } from '@jest/globals';
import { create } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  ListValueSchema,
  StructSchema,
  type ListValue,
} from '@bufbuild/protobuf/wkt';
import type { Codec } from '@pea2pea/core';
import {
  compressed,
  json,
  lengthDelimited,
  lines,
  tagged,
  unchecked,
  type ObjectLimitOptions,
} from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { protobuf } from '@pea2pea/codecs/protobuf';
import { codeOf, decode, encode, thrownBy } from './drive.js';

type Format = (options?: ObjectLimitOptions) => Codec<unknown>;

const formats: [string, Format][] = [
  ['json', (options) => json(undefined, options)],
  ['json over lines', (options) => json(lines(), options)],
  ['json of a schema', (options) => json(unchecked<unknown>(), undefined, options)],
  ['json, compressed', (options) => json(compressed(lengthDelimited()), options)],
  ['msgpack', (options) => msgpack(undefined, options)],
  ['msgpack of a schema', (options) => msgpack(unchecked<unknown>(), lengthDelimited(), options)],
  ['cbor', (options) => cbor(undefined, options)],
  ['cbor of a schema', (options) => cbor(unchecked<unknown>(), undefined, options)],
];

const TOO_LARGE = 'P2P_ERR_FRAME_TOO_LARGE';

describe.each(formats)('maxObjects of %s', (_name, make) => {
  const list = (length: number, item: unknown = []): unknown[] => Array.from({ length }, () => item);

  it('counts the lists and maps of a message, the outer one too', () => {
    const codec = make({ maxObjects: 10 });
    for (const message of [list(9), list(9, {}), [[[[[[[[[[]]]]]]]]]]]) {
      expect(decode(codec, encode(codec, message))).toEqual([message]);
    }
    for (const message of [list(10), list(10, {}), [[[[[[[[[[[]]]]]]]]]]]]) {
      expect(codeOf(() => encode(codec, message))).toBe(TOO_LARGE);
      expect(codeOf(() => decode(codec, encode(make(), message)))).toBe(TOO_LARGE);
    }
  });

  it('counts neither numbers nor texts, whatever they look like', () => {
    const codec = make({ maxObjects: 2 });
    const message = [...list(500, 7), ...list(500, '[{"\\[{\\"'), '\\', '"[', '\\"{'];
    expect(decode(codec, encode(codec, message, message))).toEqual([message, message]);
  });

  it('counts a map with keys twice: it has a shape, too', () => {
    const codec = make({ maxObjects: 10 });
    const four = list(4, { a: 1 });
    expect(decode(codec, encode(codec, four))).toEqual([four]);
    expect(codeOf(() => encode(codec, list(5, { a: 1 })))).toBe(TOO_LARGE);
    expect(codeOf(() => decode(codec, encode(make(), list(5, { a: 1 }))))).toBe(TOO_LARGE);
  });

  it('is 100000, and the error names the option', () => {
    const codec = make();
    const message = list(99_999);
    if (_name !== 'json over lines') expect(decode(codec, encode(codec, message))).toEqual([message]);
    expect(thrownBy(() => encode(codec, list(100_000))).message).toContain('maxObjects');
    expect(thrownBy(() => encode(codec, list(100_000))).code).toBe(TOO_LARGE);
  });

  it('must be a whole number of at least 1', () => {
    for (const options of [{ maxObjects: 0 }, { maxObjects: 1.5 }, { maxObject: 5 }]) {
      expect(codeOf(() => make(options as ObjectLimitOptions))).toBe('P2P_ERR_INVALID_CONFIG');
    }
  });
});

describe.each<[string, Format, number, (key: number | string) => number[]]>([
  ['msgpack', (options) => msgpack(undefined, options), 0xdd, (key) => [0x81, ...msgpackKey(key), 0]],
  ['cbor', (options) => cbor(undefined, options), 0x9a, (key) => [0xa1, ...cborKey(key), 0]],
])('in %s', (name, make, listHead, mapOf) => {
  const frame = (items: number[], count: number): Buffer => {
    const head = Buffer.from([0, 0, 0, 0, listHead, 0, 0, 0, 0]);
    head.writeUInt32BE(5 + items.length * count, 0);
    head.writeUInt32BE(count, 5);
    return Buffer.concat([head, ...Array.from({ length: count }, () => Buffer.from(items))]);
  };

  it.each([[1023], [8191], ['1023'], [127]])(
    'a map whose key is %p counts like the list that it becomes',
    (key) => {
      // Less than a hundred thousand maps, and yet gigabytes of holes.
      expect(codeOf(() => decode(make(), frame(mapOf(key), 20_000)))).toBe(TOO_LARGE);
      expect(decode(make(), frame(mapOf(key), 90))[0]).toHaveLength(90);
    },
  );

  it.each([['key'], ['12345'], [100_000]])('one whose key is %p does not', (key) => {
    expect(decode(make(), frame(mapOf(key), 20_000))[0]).toHaveLength(20_000);
  });

  it('a map of thousands of numbered entries is one such list, not one an entry', () => {
    const codec = make();
    const message = Object.fromEntries(Array.from({ length: 8000 }, (_, index) => [index, 'x']));
    expect(decode(codec, encode(codec, message))).toEqual([message]);
  });

  it('bytes and times are objects', () => {
    const codec = make({ maxObjects: 10 });
    for (const item of [Buffer.of(1), new Date(0)]) {
      expect(
        decode(
          codec,
          encode(
            codec,
            Array.from({ length: 9 }, () => item),
          ),
        ),
      ).toHaveLength(1);
      expect(
        codeOf(() =>
          encode(
            codec,
            Array.from({ length: 10 }, () => item),
          ),
        ),
      ).toBe(TOO_LARGE);
    }
  });

  it(`a key that may be any number counts as the worst: a float in ${name}`, () => {
    const float = name === 'cbor' ? 0xfa : 0xca;
    const map = [name === 'cbor' ? 0xa1 : 0x81, float, 0x44, 0x7f, 0xc0, 0, 0]; // 1023
    expect(codeOf(() => decode(make(), frame(map, 200)))).toBe(TOO_LARGE);
  });
});

describe('maxObjects of protobuf', () => {
  const nested = (depth: number): ListValue =>
    create(ListValueSchema, {
      values: depth === 0 ? [] : [{ kind: { case: 'listValue', value: nested(depth - 1) } }],
    });

  it('is met by what the library makes, and refused beyond, both ways', () => {
    const few = create(ListValueSchema, {
      values: Array.from({ length: 1000 }, () => ({ kind: { case: 'numberValue' as const, value: 1 } })),
    });
    const roomy = protobuf(ListValueSchema, undefined, { maxObjects: 3002 });
    expect(decode(roomy, encode(roomy, few))).toEqual([few]);
    const tight = protobuf(ListValueSchema, undefined, { maxObjects: 3001 });
    expect(codeOf(() => encode(tight, few))).toBe(TOO_LARGE);
    expect(codeOf(() => decode(tight, encode(roomy, few)))).toBe(TOO_LARGE);
  });

  it.each<[string, Codec<unknown>, number[]]>([
    ['empty messages', protobuf(ListValueSchema), [0x0a, 0]],
    ['messages with many lists', protobuf(FileDescriptorProtoSchema), [0x22, 0]],
    ['entries of a map', protobuf(StructSchema), [0x0a, 0]],
    [
      'entries with keys that make holes',
      protobuf(ListValueSchema),
      [0x0a, 12, 0x2a, 10, 0x0a, 8, 0x0a, 4, 0x31, 0x30, 0x32, 0x33, 0x12, 0],
    ],
    ['wire types that are not those of the field', protobuf(ListValueSchema), [0x08, 0]],
  ])('a megabyte of %s is refused before it is made', (_what, codec, unit) => {
    const size = 1024 * 1024 - ((1024 * 1024) % unit.length);
    const head = Buffer.from([(size % 128) + 128, ((size >>> 7) % 128) + 128, size >>> 14]);
    const before = process.memoryUsage().heapUsed;
    expect(codeOf(() => decode(codec, Buffer.concat([head, Buffer.alloc(size, Buffer.from(unit))])))).toBe(
      TOO_LARGE,
    );
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 1024 * 1024);
  });

  it('leaves what is malformed, or nested too deep, to the library', () => {
    const codec = protobuf(ListValueSchema, undefined, { maxObjects: 300 });
    expect(decode(codec, encode(codec, nested(40)))).toEqual([nested(40)]);
    for (const wire of ['\x02\x0a\x05', '\x01\x0f', '\x0c' + '\xff'.repeat(12), '\x03\x0b\x0b\x0b']) {
      expect(codeOf(() => decode(codec, wire))).toBe('P2P_ERR_INVALID_FRAME');
    }
  });

  it('takes a schema that refers to itself', () => {
    const codec = protobuf(StructSchema, undefined, { maxObjects: 50 });
    const value = create(StructSchema, { fields: { a: { kind: { case: 'numberValue', value: 1 } } } });
    expect(decode(codec, encode(codec, value))).toEqual([value]);
  });
});

describe('formats on top', () => {
  it('tagged() has the limit of what it stands on', () => {
    const codec = tagged(
      { list: unchecked<{ items: unknown[] }>() },
      { over: msgpack(undefined, { maxObjects: 5 }) },
    );
    expect(codeOf(() => encode(codec, { type: 'list', items: [[], [], [], [], []] }))).toBe(TOO_LARGE);
  });

  it('an error of a schema keeps a hundred issues, not a million', () => {
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => ({ issues: (value as unknown[]).map(() => ({ message: 'no' })) }),
      },
    } as const;
    const error = thrownBy(() => decode(json(schema), encode(json(), Array(5000).fill(1))));
    expect(error.cause).toHaveLength(100);
    expect(error.message).toContain('and 4997 more');
  });
});

function msgpackKey(key: number | string): number[] {
  if (typeof key === 'string') return [0xa0 + key.length, ...Buffer.from(key)];
  return key < 128
    ? [key]
    : key < 65536
      ? [0xcd, key >>> 8, key & 255]
      : [0xce, 0, key >>> 16, (key >>> 8) & 255, key & 255];
}

function cborKey(key: number | string): number[] {
  if (typeof key === 'string') return [0x60 + key.length, ...Buffer.from(key)];
  return key < 24
    ? [key]
    : key < 256
      ? [0x18, key]
      : key < 65536
        ? [0x19, key >>> 8, key & 255]
        : [0x1a, 0, key >>> 16, (key >>> 8) & 255, key & 255];
}
