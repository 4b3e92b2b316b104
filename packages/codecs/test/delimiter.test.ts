import { describe, expect, it } from '@jest/globals';
import { NEED_MORE } from '@pea2pea/core';
import type { ByteQueue } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { delimiter, type DelimiterOptions } from '@pea2pea/codecs';
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

const tooLarge = 'P2P_ERR_FRAME_TOO_LARGE';

/** Counts how often a decoder looks at a byte or searches. */
function counted(queue: ChunkQueue): { readonly spied: ByteQueue; readonly looks: () => number } {
  let looks = 0;
  const spied = new Proxy<ByteQueue>(queue, {
    get(target, name) {
      if (name === 'indexOf' || name === 'peek') looks++;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { spied, looks: () => looks };
}

describe('receiving frames that end with a sequence', () => {
  it.each([
    ['one byte', '\0', 'a\0bc\0\0', ['a', 'bc', '']],
    ['two bytes', '\r\n', 'a\r\nb\rc\n\r\n\r\r\n', ['a', 'b\rc\n', '\r']],
    ['the first occurrence counts', 'aa', 'baaaa', ['b', '']],
    ['a beginning that goes on otherwise', 'aab', 'aaabaab', ['a', '']],
    ['a beginning within a beginning', 'abab', 'abaabab', ['aba']],
    ['ends do not share bytes', 'aba', 'abababa', ['', 'b']],
    ['bytes that are no text', '\xff\xfe', '\x80\xff\xff\xfe', ['\x80\xff']],
  ])('%s', (_fact, sequence, wire, expected) => {
    const codec = delimiter(Buffer.from(sequence, 'latin1'));
    const bytes = Buffer.from(wire, 'latin1');
    const read = (...chunks: Buffer[]): string[] =>
      decode(codec, ...chunks).map((frame) => frame.toString('latin1'));
    expect(read(bytes)).toEqual(expected);
    expect(read(...drops(bytes))).toEqual(expected);
    for (const [first, second] of splits(bytes)) expect(read(first, second)).toEqual(expected);
  });

  it.each([
    ['without an end', 'a--b', 'b'],
    ['with half an end', 'a--b-', 'b-'],
    ['of nothing but half an end', 'a---', '-'],
  ])('a last frame %s is refused, dropped or taken, as `unfinished` says', (_what, wire, taken) => {
    for (const [first, second] of splits(Buffer.from(wire))) {
      const read = (options?: DelimiterOptions) =>
        decode(delimiter('--', options), first, second).map(String);
      expect(codeOf(() => read())).toBe('P2P_ERR_TRUNCATED_FRAME');
      expect(codeOf(() => read({ unfinished: 'refuse' }))).toBe('P2P_ERR_TRUNCATED_FRAME');
      expect(read({ unfinished: 'drop' })).toEqual(['a']);
      expect(read({ unfinished: 'take' })).toEqual(['a', taken]);
    }
  });

  it('a frame at the limit is received, its end not counted', () => {
    const codec = delimiter('--', { maxLength: 4, unfinished: 'take' });
    for (const wire of ['abcd--', 'abcd']) {
      expect(decode(codec, ...drops(Buffer.from(wire)))[0]).toHaveLength(4);
    }
  });

  it('a frame over the limit is refused, with its end or without', () => {
    const codec = delimiter('--', { maxLength: 4, unfinished: 'take' });
    for (const wire of ['abcde--', 'abcd-e', 'abcde', 'abcd-']) {
      expect(codeOf(() => decode(codec, wire))).toBe(tooLarge);
      expect(codeOf(() => decode(codec, ...drops(Buffer.from(wire))))).toBe(tooLarge);
    }
  });

  it('a frame over the limit is refused before its end arrives', () => {
    const receiving = new Receiving(delimiter('--', { maxLength: 4 }));
    expect(receiving.receive(Buffer.from('abcd-'))).toEqual([]);
    expect(codeOf(() => receiving.receive(Buffer.from('x')))).toBe(tooLarge);
    expect(codeOf(() => new Receiving(delimiter('--')).receive(Buffer.alloc(65537, 'x')))).toBe(tooLarge);
  });

  it.each([
    ['nothing of the sequence', 'x', '\r\n'],
    ['the first byte of the sequence, again and again', 'a', 'ab'],
    ['almost the sequence, again and again', 'a', `${'a'.repeat(50)}b`],
    ['a rhythm that almost fits', 'ab', `${'ab'.repeat(20)}a${'ab'.repeat(20)}c`],
  ])('work grows with the bytes, however they come: %s', (_what, filler, sequence) => {
    const length = 20_000;
    const wire = Buffer.alloc(length, filler);
    for (const size of [1, 7, length]) {
      const queue = new ChunkQueue();
      const { spied, looks } = counted(queue);
      const decoder = delimiter(sequence).decoder(codecContext());
      for (let at = 0; at < length; at += size) {
        queue.push(Buffer.from(wire.subarray(at, at + size)));
        if (decoder.decode(spied) !== NEED_MORE) throw new Error('there is no whole frame yet');
      }
      expect(looks()).toBeLessThan(3 * length + 10);
    }
  });
});

describe('sending frames that end with a sequence', () => {
  it('puts the sequence behind bytes and text', () => {
    expect(encode(delimiter('\r\n.\r\n'), 'grü', Buffer.from('b')).toString()).toBe('grü\r\n.\r\nb\r\n.\r\n');
  });

  it.each([
    ['--', 'a--b'],
    ['--', '--'],
    ['--', 'a-'],
    ['aba', 'cab'],
    ['abab', 'xab'],
    ['\0', '\0'],
  ])('with %j refuses %j, which would arrive cut, and writes nothing of it', (sequence, payload) => {
    const sending = new Sending(delimiter(sequence));
    for (const refused of [payload, Buffer.from(payload)]) {
      expect(codeOf(() => sending.send(refused))).toBe('P2P_ERR_INVALID_FRAME');
      expect(sending.halfWritten).toBe(0);
    }
  });

  it('takes a beginning of the sequence where the end makes no whole one of it', () => {
    for (const [sequence, payload] of [
      ['aab', 'a'],
      ['aab', 'aaa'],
      ['\r\n', '\r'],
      ['abab', 'ba'],
      ['aba', 'b'],
    ] as const) {
      const codec = delimiter(sequence);
      expect(decode(codec, encode(codec, payload, 'x')).map(String)).toEqual([payload, 'x']);
    }
  });

  it('refuses what is over the limit, and what is neither bytes nor text', () => {
    const sending = new Sending(delimiter('\0', { maxLength: 4 }));
    for (const payload of ['abcde', 'üüa', Buffer.alloc(5, 1)]) {
      expect(codeOf(() => sending.send(payload))).toBe(tooLarge);
    }
    for (const payload of [undefined, 5, {}, new Uint16Array(1)]) {
      expect(codeOf(() => sending.send(payload as never))).toBe('P2P_ERR_INVALID_FRAME');
    }
    expect(sending.take()).toHaveLength(0);
  });

  it('does not care what becomes of the array that held the sequence', () => {
    const sequence = Buffer.from('--');
    const codec = delimiter(sequence);
    sequence.fill('x');
    expect(encode(codec, 'a').toString()).toBe('a--');
    expect(decode(codec, 'a--b--').map(String)).toEqual(['a', 'b']);
  });
});

it.each([
  ['the sequence', '', {}],
  ['the sequence', new Uint8Array(0), {}],
  ['the sequence', 'x'.repeat(257), {}],
  ['the sequence', 10, {}],
  ['the sequence', undefined, {}],
  ['the sequence', ['\n'], {}],
  ['`maxLength`', '\n', { maxLength: 0 }],
  ['`maxFrameLength`', '\n', { maxFrameLength: 10 }],
])('delimiter refuses a configuration, naming %s: %j %j', (named, sequence, options) => {
  const error = thrownBy(() => delimiter(sequence as string, options as never));
  expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
  expect(error.message).toContain(named);
});
