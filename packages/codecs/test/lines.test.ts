import { describe, expect, it } from '@jest/globals';
import { NEED_MORE } from '@pea2pea/core';
import type { ByteQueue } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { lines } from '@pea2pea/codecs';
import {
  codecContext,
  codeOf,
  decode,
  drops,
  encode,
  Receiving,
  Sending,
  splits,
  thrownBy,
} from './drive.js';

const invalidFrame = 'P2P_ERR_INVALID_FRAME';
const tooLarge = 'P2P_ERR_FRAME_TOO_LARGE';

describe('receiving lines', () => {
  it.each([
    ['one line', 'abc\n', ['abc']],
    ['several', 'a\nbc\n\nd\n', ['a', 'bc', '', 'd']],
    ['both ends, mixed', 'a\r\nb\nc\r\n', ['a', 'b', 'c']],
    ['one CR belongs to the end, more do not', 'a\r\r\n', ['a\r']],
    ['a CR elsewhere belongs to the line', 'a\rb\n', ['a\rb']],
    ['empty lines of both kinds', '\n\r\n\n', ['', '', '']],
    ['a byte order mark is text', '\xef\xbb\xbfa\n', ['\uFEFFa']],
    ['a replacement character that was sent', '\xef\xbf\xbd\n', ['\uFFFD']],
    ['a zero byte is text', 'a\0b\n', ['a\0b']],
  ])('%s', (_fact, wire, expected) => {
    const bytes = Buffer.from(wire, 'latin1');
    expect(decode(lines(), bytes)).toEqual(expected);
    expect(decode(lines(), ...drops(bytes))).toEqual(expected);
    for (const [first, second] of splits(bytes)) expect(decode(lines(), first, second)).toEqual(expected);
  });

  describe.each([
    ['without an end', 'a\nb', ['b']],
    ['with half an end', 'a\nb\r', ['b']],
    ['of nothing but half an end', 'a\n\r', []],
  ])('a last line %s', (_what, wire, taken) => {
    const bytes = Buffer.from(wire);

    it("is what a cut leaves, so it is refused: unfinished 'refuse', the default", () => {
      for (const codec of [lines(), lines({ unfinished: 'refuse' })]) {
        expect(new Receiving(codec).receive(bytes)).toEqual(['a']);
        for (const [first, second] of splits(bytes))
          expect(codeOf(() => decode(codec, first, second))).toBe('P2P_ERR_TRUNCATED_FRAME');
      }
    });

    it("is thrown away: unfinished 'drop'", () => {
      const codec = lines({ unfinished: 'drop' });
      for (const [first, second] of splits(bytes)) expect(decode(codec, first, second)).toEqual(['a']);
    });

    it("is a line unless it is empty: unfinished 'take'", () => {
      const codec = lines({ unfinished: 'take' });
      for (const [first, second] of splits(bytes))
        expect(decode(codec, first, second)).toEqual(['a', ...taken]);
    });
  });

  it('drops what is not even UTF-8 without a look at it', () => {
    expect(decode(lines({ unfinished: 'drop' }), 'ok\n\xff')).toEqual(['ok']);
  });

  it.each([
    ['a stray byte', 'ab\xffcd\n'],
    ['a character cut short', 'ab\xe6\xbc\n'],
    ['four bytes cut short', '\xf0\x9f\x99\n'],
    ['an overlong form', '\xc0\xaf\n'],
    ['a surrogate', '\xed\xa0\x80\n'],
    ['behind a replacement character that was sent', '\xef\xbf\xbd\xff\n'],
  ])('malformed UTF-8 is refused: %s', (_what, wire) => {
    expect(codeOf(() => decode(lines(), wire))).toBe(invalidFrame);
  });

  it('malformed UTF-8 is refused in a last line that is taken', () => {
    expect(codeOf(() => decode(lines({ unfinished: 'take' }), 'ok\n\xff'))).toBe(invalidFrame);
  });

  it('lines before a malformed one are received', () => {
    const codec = lines();
    const queue = new ChunkQueue();
    queue.push(Buffer.from('good\n\xff\n', 'latin1'));
    const decoder = codec.decoder(codecContext());
    expect(decoder.decode(queue)).toBe('good');
    expect(codeOf(() => decoder.decode(queue))).toBe(invalidFrame);
  });

  it('a line at the limit is received, its end not counted', () => {
    const codec = lines({ maxLength: 4, unfinished: 'take' });
    for (const wire of ['abcd\n', 'abcd\r\n', 'abcd', 'abcd\r', 'gr\xc3\xbc\n']) {
      expect(decode(codec, ...drops(Buffer.from(wire, 'latin1')))).toHaveLength(1);
    }
  });

  it('a line over the limit is refused, with its end or without', () => {
    const codec = lines({ maxLength: 4 });
    for (const wire of ['abcde\n', 'abcde\r\n', 'abcd\r\r\n', 'abcde', 'abcd\rx', 'gr\xc3\xbc\xc3\x9f\n']) {
      expect(codeOf(() => decode(codec, wire))).toBe(tooLarge);
      expect(codeOf(() => decode(codec, ...drops(Buffer.from(wire, 'latin1'))))).toBe(tooLarge);
    }
  });

  it('a line over the limit is refused before its end arrives', () => {
    const receiving = new Receiving(lines({ maxLength: 4 }));
    expect(receiving.receive(Buffer.from('abcd\r'))).toEqual([]);
    expect(codeOf(() => receiving.receive(Buffer.from('\r')))).toBe(tooLarge);
    expect(codeOf(() => new Receiving(lines()).receive(Buffer.alloc(65537, 'x')))).toBe(tooLarge);
  });

  it('a line that drips in is searched once', () => {
    const queue = new ChunkQueue();
    const searchedFrom: number[] = [];
    const spied = new Proxy<ByteQueue>(queue, {
      get(target, name) {
        if (name === 'indexOf') {
          return (byte: number, from = 0): number => {
            searchedFrom.push(from);
            return target.indexOf(byte, from);
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const decoder = lines().decoder(codecContext());
    const received = drops(Buffer.from('abcd\nef\n'))
      .map((drop) => {
        queue.push(drop);
        return decoder.decode(spied);
      })
      .filter((line) => line !== NEED_MORE);
    expect(received).toEqual(['abcd', 'ef']);
    expect(searchedFrom).toEqual([0, 1, 2, 3, 4, 0, 1, 2]);
  });
});

describe('lines that skip', () => {
  it('leave out empty lines and byte order marks, wherever the network cuts', () => {
    const bytes = Buffer.from('\n\r\n\uFEFFa\n\n\uFEFF\r\nb\uFEFF\n\uFEFF');
    const codec = lines({ skipBom: true, skipEmpty: true, unfinished: 'take' });
    for (const [first, second] of splits(bytes))
      expect(decode(codec, first, second)).toEqual(['a', 'b\uFEFF']);
    expect(decode(codec, ...drops(bytes))).toEqual(['a', 'b\uFEFF']);
  });

  it('leave out only what they are told to', () => {
    const bytes = Buffer.from('\n\uFEFFa\n');
    expect(decode(lines({ skipBom: true }), bytes)).toEqual(['', 'a']);
    expect(decode(lines({ skipEmpty: true }), bytes)).toEqual(['\uFEFFa']);
  });

  it('do not send what they would leave out', () => {
    expect(codeOf(() => encode(lines({ skipEmpty: true }), ''))).toBe(invalidFrame);
    expect(codeOf(() => encode(lines({ skipBom: true }), '\uFEFFa'))).toBe(invalidFrame);
    expect(encode(lines({ skipBom: true, skipEmpty: true }), 'a\uFEFF').toString()).toBe('a\uFEFF\n');
  });
});

describe('sending lines', () => {
  it('puts the chosen end behind each line', () => {
    expect(encode(lines(), 'a', '', 'ü').toString()).toBe('a\n\nü\n');
    expect(encode(lines({ newline: '\r\n' }), 'a', '', 'ü').toString()).toBe('a\r\n\r\nü\r\n');
  });

  it.each([
    ['contains LF', 'a\nb'],
    ['ends in LF', 'a\n'],
    ['ends in CR', 'a\r'],
    ['contains CR LF', 'a\r\nb'],
    ['has half a surrogate pair', 'a\ud83d'],
    ['is a number', 5],
    ['is undefined', undefined],
  ])('refuses a line that %s, and writes nothing of it', (_what, line) => {
    for (const newline of ['\n', '\r\n'] as const) {
      const sending = new Sending(lines({ newline }));
      sending.send('before');
      expect(codeOf(() => sending.send(line as string))).toBe(invalidFrame);
      expect(sending.halfWritten).toBe(0);
      sending.send('behind');
      expect(sending.take().toString()).toBe(`before${newline}behind${newline}`);
    }
  });

  it('sends a line at the limit in bytes and refuses one over it', () => {
    const sending = new Sending(lines({ maxLength: 6 }));
    for (const line of ['abcdef', 'üüü', '漢字', '🙂üb'.slice(0, 3)]) sending.send(line);
    for (const line of ['abcdefg', 'üüüa', '漢字a', '漢字漢']) {
      expect(codeOf(() => sending.send(line))).toBe(tooLarge);
      expect(sending.halfWritten).toBe(0);
    }
    expect(sending.take().toString()).toBe('abcdef\nüüü\n漢字\n🙂ü\n');
  });
});

it.each([
  ['`maxLength`', { maxLength: 0 }],
  ['`maxLength`', { maxLength: Infinity }],
  ['`maxLength`', { maxLength: -1 }],
  ['`newline`', { newline: '\r' }],
  ['`newline`', { newline: 10 }],
  ['`skipBom`', { skipBom: 1 }],
  ['`skipEmpty`', { skipEmpty: 'no' }],
  ['`maxLen`', { maxLen: 10 }],
])('lines refuses a configuration, naming %s: %j', (named, options) => {
  const error = thrownBy(() => lines(options as never));
  expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
  expect(error.message).toContain(named);
});
