import { afterEach, describe, expect, it } from '@jest/globals';
import type { Codec, StandardResult, StandardSchemaV1 } from '@pea2pea/core';
import { json, lengthDelimited, lines, mapCodec, tagged, unchecked, validated } from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { z } from 'zod';
import { codeOf, decode, encode, Sending, thrownBy } from './drive.js';

const invalidFrame = 'P2P_ERR_INVALID_FRAME';
const { NODE_ENV } = process.env;
afterEach(() => {
  process.env.NODE_ENV = NODE_ENV;
});

const Point = z.object({ at: z.object({ x: z.number() }) });
/** Sent as a string, received as a date. */
const When = z.object({ at: z.iso.datetime().transform((text) => new Date(text)) });
const Moment = z.object({ at: z.date() });

/** Each way to give a codec a schema, with options. */
const WAYS: [string, (schema: StandardSchemaV1, options?: object) => Codec<unknown>][] = [
  ['json(schema)', (schema, options) => json(schema, lines(), options)],
  ['msgpack(schema)', (schema, options) => msgpack(schema, lengthDelimited(), options)],
  ['cbor(schema)', (schema, options) => cbor(schema, undefined, options)],
  ['validated(codec, schema)', (schema, options) => validated(json(), schema, options)],
];

describe.each(WAYS)('a message that the schema refuses, over %s', (_name, make) => {
  const wrong = { at: { x: 'five' } };

  it('is not sent: the path is in the message, the issues are the cause, and nothing is in the stream', () => {
    const sending = new Sending(make(Point));
    const error = thrownBy(() => sending.send(wrong));
    expect(error.code).toBe(invalidFrame);
    expect(error.message).toMatch(/^a message that is to be sent does not validate: at\.x: .+; send what/);
    expect(error.cause).toMatchObject([{ path: ['at', 'x'] }]);
    expect(sending.halfWritten).toBe(0);
    sending.send({ at: { x: 5 } });
    expect(decode(make(Point), sending.take())).toEqual([{ at: { x: 5 } }]);
  });

  it('is sent where `checkOutbound` is false, and in production', () => {
    const unasked = make(Point, { checkOutbound: false });
    expect(codeOf(() => decode(unasked, encode(unasked, wrong)))).toBe(invalidFrame);
    expect(codeOf(() => encode(unasked, wrong))).toBeUndefined();
    process.env.NODE_ENV = 'production';
    expect(codeOf(() => encode(make(Point), wrong))).toBeUndefined();
    expect(codeOf(() => encode(make(Point, { checkOutbound: true }), wrong))).toBe(invalidFrame);
  });

  it('an option that makes no sense is refused', () => {
    for (const options of [{ checkOutbound: 'yes' }, { checkInbound: true }, 5, null])
      expect(codeOf(() => make(Point, options as never))).toBe('P2P_ERR_INVALID_CONFIG');
  });
});

describe('a schema that transforms', () => {
  it('is shown its input: what goes over the wire is what it takes there', () => {
    const codec = json(When, lines());
    expect(decode(codec, encode(codec, { at: '2026-01-02T03:04:05Z' }))).toEqual([
      { at: new Date('2026-01-02T03:04:05Z') },
    ]);
    const error = thrownBy(() => encode(codec, { at: 'noon' }));
    expect(error.message).toContain('does not validate: at: ');
  });

  it('is shown the message as it will arrive: over JSON a date is a string by then', () => {
    const at = new Date('2026-01-02T03:04:05Z');
    expect(decode(json(When), encode(json(When), { at } as never))).toEqual([{ at }]);
    expect(codeOf(() => encode(json(Moment), { at }))).toBe(invalidFrame);
    expect(decode(msgpack(Moment), encode(msgpack(Moment), { at }))).toEqual([{ at }]);
    expect(decode(cbor(Moment), encode(cbor(Moment), { at }))).toEqual([{ at }]);
    expect(codeOf(() => encode(msgpack(When), { at } as never))).toBe(invalidFrame);
  });

  it('changes nothing of what is sent', () => {
    const Loose = z.object({ n: z.number().default(7) });
    expect(encode(json(Loose, lines()), { more: 1 } as never).toString()).toBe('{"more":1}\n');
  });
});

it('an asynchronous schema is refused at the first message that is sent, as at the first that is received', async () => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', listen);
  try {
    const late: StandardSchemaV1 = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => Promise.reject<StandardResult<unknown>>(new Error('nobody hears this')),
      },
    };
    for (const send of [
      () => encode(json(late), 1),
      () => encode(tagged({ a: late as never }), { type: 'a' } as never),
    ]) {
      const error = thrownBy(send);
      expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
      expect(error.message).toContain('must validate synchronously');
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', listen);
  }
});

it('a schema that throws fails the send, with what it threw as the cause', () => {
  const cause = new Error('broken');
  const broken: StandardSchemaV1 = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate() {
        throw cause;
      },
    },
  };
  const error = thrownBy(() => encode(json(broken), 1));
  expect(error.code).toBe(invalidFrame);
  expect(error.cause).toBe(cause);
});

describe('a tagged message', () => {
  const members = { ping: unchecked<object>(), move: Point };

  it.each<[string, Codec<unknown> | undefined]>([
    ['json()', undefined],
    ['msgpack()', msgpack()],
    ['cbor()', cbor()],
  ])('over %s is shown to the schema of its tag, without the tag', (_name, over) => {
    const codec = tagged({ ...members, strict: z.strictObject({}) }, over === undefined ? {} : { over });
    const error = thrownBy(() => encode(codec, { type: 'move', at: {} } as never));
    expect(error.code).toBe(invalidFrame);
    expect(error.message).toContain('to be sent does not validate: at.x: ');
    expect(decode(codec, encode(codec, { type: 'strict' }, { type: 'move', at: { x: 1 } }))).toEqual([
      { type: 'strict' },
      { type: 'move', at: { x: 1 } },
    ]);
  });

  it('is sent unasked where `checkOutbound` is false, and in production', () => {
    const wrong = { type: 'move', at: {} } as never;
    expect(codeOf(() => encode(tagged(members, { checkOutbound: false }), wrong))).toBeUndefined();
    process.env.NODE_ENV = 'production';
    expect(codeOf(() => encode(tagged(members), wrong))).toBeUndefined();
    expect(codeOf(() => encode(tagged(members, { checkOutbound: true }), wrong))).toBe(invalidFrame);
  });

  it('whose tag does not survive the format is not sent', () => {
    class Move {
      readonly type = 'move' as const;
      readonly at = { x: 1 };
      toJSON() {
        return { at: this.at };
      }
    }
    expect(codeOf(() => encode(tagged(members), new Move()))).toBe(invalidFrame);
  });
});

it('a codec of yours below a schema is called once a message, and the schema sees the message as it is given', () => {
  let calls = 0;
  const counting = mapCodec<unknown, unknown, unknown>(json(lines()), {
    decode: (message) => message,
    encode: (message) => ({ n: ++calls, message }),
  });
  const codec = validated(counting, z.object({ x: z.number() }));
  expect(encode(codec, { x: 1 }).toString()).toBe('{"n":1,"message":{"x":1}}\n');
  expect(codeOf(() => encode(codec, { x: 'one' } as never))).toBe(invalidFrame);
  expect(calls).toBe(1);
});
