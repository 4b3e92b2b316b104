// What an encoder takes, its own decoder takes, with the same limits.
import { describe, expect, it } from '@jest/globals';
import { create, fromBinary, toBinary, type MessageShape } from '@bufbuild/protobuf';
import { StructSchema, ValueSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import type { Codec } from '@pea2pea/core';
import {
  bytes,
  compressed,
  delimiter,
  fixedLength,
  json,
  lengthDelimited,
  lines,
  tagged,
  unchecked,
  varintDelimited,
} from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { protobuf } from '@pea2pea/codecs/protobuf';
import { codeOf, decode, encode, thrownBy } from './drive.js';

/** A failure prints its seed and path; `PROPERTY_SEED=… npm run jest` repeats it. */
const seed = Number(process.env.PROPERTY_SEED ?? Date.now() % 2 ** 31);
const invalidFrame = 'P2P_ERR_INVALID_FRAME';

/** Text with halves of surrogate pairs, alone and in pairs. */
const text = fc.string({ unit: 'binary', maxLength: 80 });
/** Everything that somebody could try to send. */
const anything = fc.anything({
  key: fc.oneof(text, fc.constantFrom('toJSON', '__proto__', 'length', '1023', '9999')),
  values: [
    ...[fc.boolean(), fc.integer(), fc.maxSafeInteger(), fc.double(), text, fc.constantFrom(null, undefined)],
    ...[fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }), fc.date({ noInvalidDate: false })],
    fc.uint8Array({ maxLength: 9 }).map((array) => Buffer.from(array)),
  ],
  maxDepth: 4,
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});
const bytesOrText = fc.oneof(text, fc.uint8Array({ maxLength: 40 }));

/** The share of `values` that `codec` sends; each of them must arrive as one message. */
function shareSent(codec: Codec<unknown, never>, values: fc.Arbitrary<unknown>, numRuns = 2000): number {
  let sent = 0;
  const property = fc.property(values, (value) => {
    let wire: Buffer | undefined;
    if (codeOf(() => (wire = encode(codec as Codec<unknown>, value))) !== undefined) return;
    sent++;
    expect(decode(codec, wire!)).toHaveLength(1);
  });
  fc.assert(property, { seed, numRuns });
  return sent / numRuns;
}

describe('what an encoder takes arrives', () => {
  it.each<[string, Codec<unknown, never>]>([
    ['json()', json()],
    ['json(lines())', json(lines({ maxLength: 60 }))],
    ['json() of few objects', json(lengthDelimited(), { maxObjects: 4 })],
    ['msgpack()', msgpack()],
    ['msgpack() of few objects', msgpack(lengthDelimited(), { maxObjects: 4 })],
    ['msgpack(varintDelimited())', msgpack(varintDelimited({ maxFrameLength: 60 }))],
    ['cbor()', cbor()],
    ['cbor() of few objects', cbor(lengthDelimited(), { maxObjects: 4 })],
    ['cbor(compressed())', cbor(compressed(lengthDelimited(), { maxInflatedLength: 60 }))],
    ['tagged over msgpack()', tagged({ a: unchecked<object>() }, { over: msgpack() })],
  ])('over %s', (_name, codec) => {
    const isTagged = 'tagKey' in codec;
    const values = isTagged ? anything.map((body) => ({ ...Object(body), type: 'a' }) as object) : anything;
    expect(shareSent(codec, values)).toBeGreaterThan(0.05);
  });

  it.each<[string, Codec<unknown, never>]>([
    ['lines()', lines({ maxLength: 40 })],
    ['lengthDelimited()', lengthDelimited({ maxFrameLength: 40 })],
    [
      'lengthDelimited() with an adjustment',
      lengthDelimited({ lengthFieldLength: 1, lengthAdjustment: -2, maxFrameLength: 40 }),
    ],
    ['varintDelimited()', varintDelimited({ maxFrameLength: 40 })],
    ['delimiter()', delimiter('ab', { maxLength: 40 })],
    ['fixedLength()', fixedLength(3)],
    ['compressed()', compressed(varintDelimited({ maxFrameLength: 40 }), { maxInflatedLength: 60 })],
    ['bytes()', bytes()],
  ])('over %s', (_name, codec) => {
    const nothing = codec.decoder({} as never).end === undefined ? 0 : 1;
    const values = bytesOrText.filter((payload) => payload.length > 0 || nothing === 0);
    expect(
      shareSent(codec, _name === 'bytes()' ? values.filter((value) => value.length > 0) : values),
    ).toBeGreaterThan(0.01);
  });
});

describe('a key that would not be one for the other side is not sent', () => {
  it.each([
    ['a list', [1]],
    ['an empty list', []],
    ['a map', {}],
    ['bytes', Buffer.from('a')],
    ['a time', new Date(0)],
  ])('%s', (_what, key) => {
    for (const codec of [msgpack(), cbor()]) {
      const error = thrownBy(() => encode(codec, new Map([[key, 1]])));
      expect(error.code).toBe(invalidFrame);
      expect(error.message).toContain('holds a key that is a list, a map, bytes or a time');
    }
  });
});

describe('half of a surrogate pair', () => {
  it.each(['a\ud800b', '\udc00', `${'x'.repeat(70)}\ud800`, '\udc00\ud800', '漢字\ud83d', '\udfff\u00ed'])(
    'is sent as U+FFFD, wherever it stands, in UTF-8 that every implementation takes: %j',
    (half) => {
      const whole = half.toWellFormed();
      for (const codec of [cbor(), msgpack()]) {
        for (const make of [
          (text: string) => text,
          (text: string) => [text],
          (text: string) => ({ [text]: text }),
        ]) {
          const payload = encode(codec, make(half)).subarray(4);
          expect(payload.includes(Buffer.from(whole))).toBe(true);
          expect(decode(codec, encode(codec, make(half)))).toEqual([make(whole)]);
        }
      }
    },
  );

  it('is not confused with text and bytes that look alike', () => {
    const messages = ['한국어', '\ud7ff\ue000', '🙂\u{10ffff}', Buffer.from([0xed, 0xa0, 0x80]), { 훨: 'í' }];
    expect(decode(cbor(), encode(cbor(), ...messages))).toEqual(messages);
  });
});

describe('protobuf()', () => {
  const nested = (depth: number): MessageShape<typeof StructSchema> => {
    let struct = create(StructSchema);
    for (let level = 0; level < depth; level++) {
      const value = create(ValueSchema, { kind: { case: 'structValue', value: struct } } as never);
      struct = create(StructSchema);
      struct.fields.a = value;
    }
    return struct;
  };

  it('sends what nests as deep as its decoder takes, and refuses what nests deeper', () => {
    const codec = protobuf(StructSchema);
    // Two messages a level, and the one around them.
    expect(decode(codec, encode(codec, nested(49)))).toHaveLength(1);
    for (const depth of [50, 51, 75, 1000]) {
      const error = thrownBy(() => encode(codec, nested(depth)));
      expect(error.code).toBe(invalidFrame);
      expect(error.message).toContain('nests deeper than 100');
    }
  });

  it('refuses groups of an unknown field that nest deeper than its decoder takes', () => {
    const codec = protobuf(StructSchema);
    const grouped = (depth: number) => Buffer.concat([Buffer.alloc(depth, 0x13), Buffer.alloc(depth, 0x14)]);
    for (const depth of [98, 99, 100, 101, 300]) {
      const wire = grouped(depth);
      const receives = codeOf(() => decode(codec, encode(varintDelimited(), wire))) === undefined;
      const message = create(StructSchema);
      message.$unknown = [{ no: 2, wireType: 3, data: wire.subarray(1) }];
      const sends = codeOf(() => encode(codec, message)) === undefined;
      expect([depth, sends]).toEqual([depth, receives]);
    }
  });

  it('sends nothing that its decoder refuses, whatever it is made of', () => {
    const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        fc.oneof(text, fc.double(), fc.boolean(), fc.constant(null)),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(text, tie('value'), { maxKeys: 3 }),
      ),
    })).value;
    for (const maxObjects of [6, 100_000]) {
      const codec = protobuf(StructSchema, varintDelimited({ maxFrameLength: 300 }), { maxObjects });
      const structs = fc.dictionary(text, value, { maxKeys: 4 }).map((fields) => structOf(fields));
      expect(shareSent(codec as Codec<unknown, never>, structs, 500)).toBeGreaterThan(0.1);
    }
    expect(fromBinary(StructSchema, toBinary(StructSchema, structOf({ a: 1 }))).fields.a?.kind.value).toBe(1);
  });
});

function structOf(fields: Readonly<Record<string, unknown>>): MessageShape<typeof StructSchema> {
  const struct = create(StructSchema);
  for (const [key, value] of Object.entries(fields)) struct.fields[key] = valueOf(value);
  return struct;
}

function valueOf(value: unknown): MessageShape<typeof ValueSchema> {
  const kind =
    value === null
      ? { case: 'nullValue', value: 0 }
      : typeof value === 'number'
        ? { case: 'numberValue', value }
        : typeof value === 'string'
          ? { case: 'stringValue', value }
          : typeof value === 'boolean'
            ? { case: 'boolValue', value }
            : Array.isArray(value)
              ? { case: 'listValue', value: { values: value.map(valueOf) } }
              : { case: 'structValue', value: structOf(value as Record<string, unknown>) };
  return create(ValueSchema, { kind } as never);
}
