import { expect } from '@jest/globals';
import { create, fromJson, toBinary, toJson, type DescMessage, type JsonValue } from '@bufbuild/protobuf';
import {
  BytesValueSchema,
  DoubleValueSchema,
  Int32ValueSchema,
  Int64ValueSchema,
  StringValueSchema,
  StructSchema,
  TimestampSchema,
  UInt64ValueSchema,
} from '@bufbuild/protobuf/wkt';
import type { Codec } from '@pea2pea/core';
import { protobuf } from '@pea2pea/codecs/protobuf';
import { suite, type Bench } from '../harness/suite.js';
import { goProtobuf, prost, pythonProtobuf } from './ends.js';
import { exchange } from './message-end.js';

/** Types that every implementation brings along, and messages of them as JSON, which the specification defines. */
const MESSAGES: readonly (readonly [what: string, schema: DescMessage, messages: readonly JsonValue[]])[] = [
  ['integers of 32 bits', Int32ValueSchema, [0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31)]],
  [
    'signed integers of 64 bits',
    Int64ValueSchema,
    [0, 1, -1, 2 ** 31, 2 ** 32, 2 ** 53, 2n ** 63n - 1n, -(2n ** 63n)].map(String),
  ],
  ['unsigned integers of 64 bits', UInt64ValueSchema, [0, 2 ** 32, 2 ** 53, 2n ** 64n - 1n].map(String)],
  ['floats', DoubleValueSchema, [0, 1.5, -0.1, 1e300, 5e-324, 5, 'Infinity', '-Infinity', 'NaN']],
  ['strings', StringValueSchema, ['', 'a', 'grüße', '漢字 and 🙂', '\0\u{10ffff}', 'ü'.repeat(40_000)]],
  [
    'bytes',
    BytesValueSchema,
    [0, 1, 2, 3, 255, 70_000].map((size) => Buffer.alloc(size, 'abc\xff', 'latin1').toString('base64')),
  ],
  [
    'times',
    TimestampSchema,
    ['1970-01-01T00:00:00Z', '2026-01-02T03:04:05.678Z', '1969-12-31T23:59:59.999Z', '9999-12-31T23:59:59Z'],
  ],
  [
    'maps, lists, oneofs and nested messages',
    StructSchema,
    [
      {},
      { a: 1, b: 'grüße', c: [true, null, { d: [[], {}, 'x'.repeat(300)] }], '': false },
      Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`key ${index}`, index / 8])),
    ],
  ],
];

const jsonOf = (schema: DescMessage, message: unknown): JsonValue => toJson(schema, message as never);
const read = (schema: DescMessage, json: JsonValue) => fromJson(schema, json);
const codecOf = (schema: DescMessage) => protobuf(schema) as unknown as Codec<unknown>;
const connect = (bench: Bench, schema: DescMessage, itDials = false) =>
  exchange(bench, codecOf(schema), { as: schema.name, itDials });
/** What the program is told to send: some read JSON, all read bytes. */
const hexOf = (schema: DescMessage, json: JsonValue) => ({
  hex: Buffer.from(toBinary(schema, read(schema, json))).toString('hex'),
});

/** In frames of `varintDelimited()`, as the libraries write them with their own functions. */
export const protobufSuite = suite('protobuf', [goProtobuf, prost, pythonProtobuf], (test) => {
  for (const [what, schema, messages] of MESSAGES) {
    test(`${what} of ours arrive, and come back`, async (bench) => {
      const { there } = await connect(bench, schema);
      for (const json of messages) {
        const [described, back] = await there(read(schema, json));
        expect(described).toEqual(json);
        expect(jsonOf(schema, back)).toEqual(json);
      }
    });
    test(`${what} of its own arrive`, async (bench) => {
      const { send, next } = await connect(bench, schema, true);
      await send(...messages.map((json) => hexOf(schema, json)));
      for (const json of messages) expect(jsonOf(schema, await next())).toEqual(json);
    });
  }

  test('a thousand messages in one piece arrive there and here, in order', async (bench) => {
    const { connection, received, read: heard, next } = await connect(bench, StringValueSchema);
    const texts = Array.from({ length: 1000 }, (_, index) => 'x'.repeat(index % 300));
    const sent = Promise.all(texts.map((value) => connection.send(create(StringValueSchema, { value }))));
    for (const text of texts) {
      expect(await heard()).toBe(text);
      await next();
    }
    await sent;
    expect(received.map((message) => jsonOf(StringValueSchema, message))).toEqual(texts);
  });

  /** Messages and the entries of maps: three a level, and the one around them. */
  const nested = (depth: number): JsonValue => (depth === 0 ? {} : { a: nested(depth - 1) });
  const entriesCount = 'the entries of maps are messages in its limit of 100, too';

  test('what nests 100 messages deep with the entries of maps is read there', async (bench) => {
    const { there } = await connect(bench, StructSchema);
    const deep = read(StructSchema, nested(33));
    expect(await there(deep)).toEqual([nested(33), deep]);
  });
  test(
    'what nests 99 messages deep without the entries of maps is read there, and what nests deeper does not leave us',
    async (bench) => {
      const { there, connection } = await connect(bench, StructSchema);
      const deep = read(StructSchema, nested(49));
      await expect(connection.send(read(StructSchema, nested(50)))).rejects.toThrow('nests deeper than 100');
      expect(await there(deep)).toEqual([nested(49), deep]);
    },
    { failsWith: { [prost.name]: entriesCount, [pythonProtobuf.name]: entriesCount } },
  );

  test('half of a surrogate pair of ours is U+FFFD there', async (bench) => {
    const { there } = await connect(bench, StringValueSchema);
    const [described] = await there(create(StringValueSchema, { value: 'a\ud800b' }));
    expect(described).toBe('a\ufffdb');
  });

  test('a field that we do not know is dropped here', async (bench) => {
    const { send, next } = await connect(bench, Int32ValueSchema);
    // Written by who knows a second field, a string.
    await send({ hex: '0805' + '120161' });
    expect(await next()).toEqual(create(Int32ValueSchema, { value: 5 }));
  });
});
