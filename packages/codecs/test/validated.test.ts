import { describe, expect, it } from '@jest/globals';
import { json, lengthDelimited, lines, unchecked, validated } from '@pea2pea/codecs';
import type { StandardIssue, StandardResult, StandardSchemaV1 } from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { codeOf, decode, encode, thrownBy } from './drive.js';

/** A schema as the libraries make them. */
function schemaOf<Input, Output = Input>(
  validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>,
): StandardSchemaV1<Input, Output> {
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

/** A point that is sent with texts or numbers and arrives with numbers. */
const Point = schemaOf<{ x: string | number }, { x: number }>((value) => {
  const x = Number((value as { x?: unknown } | null)?.x);
  return Number.isNaN(x) ? { issues: [{ message: 'must be a number', path: ['x'] }] } : { value: { x } };
});

describe('a codec with a schema', () => {
  it('hands out what the schema makes of a message', () => {
    for (const codec of [
      json(Point),
      json(Point, lines()),
      msgpack(Point),
      cbor(Point, lengthDelimited()),
      validated(json(), Point),
    ]) {
      expect(decode(codec, encode(codec, { x: '7' }, { x: 8 }))).toEqual([{ x: 7 }, { x: 8 }]);
    }
  });

  it('sends what it is given, as the codec underneath does', () => {
    expect(encode(json(Point, lines()), { x: '7' }).toString()).toBe('{"x":"7"}\n');
  });

  it('refuses what does not validate, with the issues in the message and as the cause', () => {
    const error = thrownBy(() => decode(json(Point, lines()), '{"x":"seven"}\n'));
    expect(error.code).toBe('P2P_ERR_INVALID_FRAME');
    expect(error.message).toMatch(/^a message does not validate: x: must be a number;/);
    expect(error.cause).toEqual([{ message: 'must be a number', path: ['x'] }]);
  });

  const refusedWith = (...issues: StandardIssue[]) =>
    thrownBy(() =>
      decode(
        json(
          schemaOf(() => ({ issues })),
          lines(),
        ),
        '{}\n',
      ),
    );

  it('names where an issue is, in both ways that a path may be written', () => {
    const path = ['list', 3, { key: 'name' }, Symbol('s')];
    expect(refusedWith({ message: 'too long', path }).message).toContain(
      'validate: list[3].name.Symbol(s): too long;',
    );
    expect(refusedWith({ message: 'not a list', path: [] }).message).toContain('validate: not a list;');
  });

  it('names the first few issues and counts the rest', () => {
    const issues = ['a', 'b', 'c', 'd', 'e'].map((message) => ({ message }));
    const error = refusedWith(...issues);
    expect(error.message).toContain('validate: a, b, c, and 2 more;');
    expect(error.cause).toEqual(issues);
  });

  it('makes one line of bounded length of what a stranger may have written', () => {
    const { message } = refusedWith({ message: `x\n{"level":"fatal"}\u2028\x1b[2J${'y'.repeat(10_000)}` });
    expect(message.length).toBeLessThan(400);
    expect(message).not.toMatch(/[\n\u2028\x1b]/);
  });

  it('an empty list of issues is a refusal all the same', () => {
    expect(refusedWith().code).toBe('P2P_ERR_INVALID_FRAME');
  });

  it('what a schema throws is an invalid frame with its cause', () => {
    const cause = new Error('broken');
    const broken = schemaOf(() => {
      throw cause;
    });
    const error = thrownBy(() => decode(json(broken), encode(json(), 1)));
    expect(error.code).toBe('P2P_ERR_INVALID_FRAME');
    expect(error.cause).toBe(cause);
  });

  it.each([
    ['resolves', () => Promise.resolve({ value: 1 })],
    ['rejects', () => Promise.reject(new Error('nobody hears this'))],
  ])('refuses a schema whose promise %s, and leaves nobody to handle it', async (_what, validate) => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    try {
      const error = thrownBy(() => decode(json(schemaOf(validate)), encode(json(), 1)));
      expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
      expect(error.message).toContain('must validate synchronously');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', listen);
    }
  });

  it('takes schemas that are functions, as ArkType has them', () => {
    const callable = Object.assign(
      () => {},
      schemaOf<number>((value) => ({ value: Number(value) })),
    );
    expect(decode(json(callable, lines()), '"5"\n')).toEqual([5]);
  });

  it('calls a schema as a method of its own', () => {
    class Schema implements StandardSchemaV1<number> {
      readonly '~standard' = {
        version: 1 as const,
        vendor: 'test',
        factor: 3,
        validate(value: unknown) {
          return { value: Number(value) * this.factor };
        },
      };
    }
    expect(decode(json(new Schema(), lines()), '2\n')).toEqual([6]);
  });

  it('unchecked() believes everything', () => {
    expect(decode(json(unchecked<{ a: 1 }>(), lines()), '[5]\n')).toEqual([[5]]);
    const codec = cbor(unchecked<undefined>());
    expect(decode(codec, encode(codec, [undefined] as never))).toEqual([[undefined]]);
  });

  it('undefined alone is no message: of a peer an invalid frame, of our own schema a bad decoder', () => {
    expect(codeOf(() => decode(cbor(unchecked()), '\0\0\0\x01\xf7'))).toBe('P2P_ERR_INVALID_FRAME');
    expect(codeOf(() => encode(cbor(unchecked()), undefined))).toBe('P2P_ERR_INVALID_FRAME');
    const forgetful = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ value: undefined }) },
    } as const;
    expect(codeOf(() => decode(json(forgetful, lines()), '1\n'))).toBe('P2P_ERR_BAD_DECODER');
  });

  it.each([[undefined], [null], [{}], [{ '~standard': {} }], [{ validate: () => 1 }], [5]])(
    'validated() refuses what is no schema: %p',
    (schema) => {
      const error = thrownBy(() => validated(json(), schema as never));
      expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
      expect(error.message).toContain('Standard Schema');
    },
  );
});
