import { describe, expect, it } from '@jest/globals';
import { json, lengthDelimited, lines } from '@pea2pea/codecs';
import { codeOf, decode, encode, Sending, thrownBy } from './drive.js';

const frame = (text: string): Buffer => encode(lengthDelimited(), Buffer.from(text, 'latin1'));

describe('json', () => {
  it('is framed by its length unless told otherwise', () => {
    expect(encode(json(), { a: 1 })).toEqual(Buffer.from('\0\0\0\x07{"a":1}'));
    expect(encode(json(lengthDelimited({ lengthFieldLength: 1 })), 'ü')).toEqual(Buffer.from('\x04"ü"'));
  });

  it('is newline-delimited JSON over lines', () => {
    expect(encode(json(lines()), { a: 'x\ny' }, [1]).toString()).toBe('{"a":"x\\ny"}\n[1]\n');
    expect(decode(json(lines()), '{"a":1}\r\n [2] \nnull\n')).toEqual([{ a: 1 }, [2], null]);
  });

  it('large texts go through', () => {
    const message = { text: 'ä'.repeat(100_000), more: 'x'.repeat(100_000) };
    expect(decode(json(), encode(json(), message, message))).toEqual([message, message]);
  });

  it.each(['{"a":', '', 'undefined', "{'a':1}", '\xef\xbb\xbf{}', '{} {}', 'NaN'])(
    'what is not JSON is refused, with the cause: %j',
    (text) => {
      const error = thrownBy(() => decode(json(), frame(text)));
      expect(error.code).toBe('P2P_ERR_INVALID_FRAME');
      expect(error.cause).toHaveProperty('name', 'SyntaxError');
    },
  );

  it('malformed UTF-8 is refused, though the JSON around it is sound', () => {
    expect(codeOf(() => decode(json(), frame('"a\xffb"')))).toBe('P2P_ERR_INVALID_FRAME');
    expect(codeOf(() => decode(json(lines()), '"a\xffb"\n'))).toBe('P2P_ERR_INVALID_FRAME');
    expect(decode(json(), frame('"\xef\xbf\xbd"'))).toEqual(['\uFFFD']);
  });

  it('a `__proto__` that was sent is a property like any other', () => {
    const [message] = decode(json<object>(), frame('{"__proto__":{"admin":true}}'));
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
    expect(message).not.toHaveProperty('admin');
  });

  it('half a surrogate pair is escaped, and survives', () => {
    expect(decode(json(), encode(json(), 'a\ud83d'))).toEqual(['a\ud83d']);
    expect(decode(json(lines()), encode(json(lines()), 'a\ud83d'))).toEqual(['a\ud83d']);
  });

  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a BigInt', { n: 1n }],
    ['a cycle', cycle],
    ['a toJSON() that throws', { toJSON: () => JSON.parse('{') as unknown }],
    ['a toJSON() that answers nothing', { toJSON: () => undefined }],
  ])('refuses %s with advice, and writes nothing of it', (_what, message) => {
    for (const codec of [json(), json(lines())]) {
      const sending = new Sending(codec);
      sending.send('before');
      const error = thrownBy(() => sending.send(message));
      expect(error.code).toBe('P2P_ERR_INVALID_FRAME');
      expect(error.message).toMatch(/JSON can(not)? express.*; send /);
      expect(sending.halfWritten).toBe(0);
      sending.send('behind');
      expect(decode(codec, sending.take())).toEqual(['before', 'behind']);
    }
  });

  it('keeps the cause where JSON.stringify threw', () => {
    expect(thrownBy(() => encode(json(), 1n)).cause).toHaveProperty('name', 'TypeError');
  });

  it.each([
    ['lengthDelimited', (limit: number) => lengthDelimited({ maxFrameLength: limit })],
    ['lines', (limit: number) => lines({ maxLength: limit })],
  ])('the limit of the framing is on the text: %s', (_name, framing) => {
    const message = { text: 'üüü' };
    const size = Buffer.byteLength(JSON.stringify(message));
    const exact = json(framing(size));
    expect(decode(exact, encode(exact, message))).toEqual([message]);
    const sending = new Sending(json(framing(size - 1)));
    expect(codeOf(() => sending.send(message))).toBe('P2P_ERR_FRAME_TOO_LARGE');
    expect(sending.halfWritten).toBe(0);
  });

  it('a truncated frame stays in the queue', () => {
    expect(codeOf(() => decode(json(), frame('{"a":1}').subarray(0, -1)))).toBe('P2P_ERR_TRUNCATED_FRAME');
  });
});
