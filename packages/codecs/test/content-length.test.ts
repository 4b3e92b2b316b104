import { describe, expect, it } from '@jest/globals';
import { NEED_MORE } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { contentLength } from '@pea2pea/codecs';
import { codecContext, codeOf, decode, drops, encode, Receiving, splits, thrownBy } from './drive.js';

const invalidFrame = 'P2P_ERR_INVALID_FRAME';
const tooLarge = 'P2P_ERR_FRAME_TOO_LARGE';
const texts = (frames: readonly Buffer[]) => frames.map(String);

describe('receiving frames with a Content-Length', () => {
  it.each([
    ['one', 'Content-Length: 2\r\n\r\nab', ['ab']],
    ['several', 'Content-Length: 2\r\n\r\nabContent-Length: 1\r\n\r\nc', ['ab', 'c']],
    ['none of whose bytes is left', 'Content-Length: 0\r\n\r\n', ['']],
    ['a name without capitals', 'content-length: 2\r\n\r\nab', ['ab']],
    [
      'no blank after the colon, and several',
      'CONTENT-LENGTH:2\r\n\r\nabContent-Length: \t 1 \r\n\r\nc',
      ['ab', 'c'],
    ],
    ['leading zeros', 'Content-Length: 0002\r\n\r\nab', ['ab']],
    [
      'a Content-Type of either spelling',
      'Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 1\r\n\r\na' +
        'Content-Length: 1\r\nContent-Type: application/json;charset="UTF8"\r\n\r\nb' +
        'Content-Length: 1\r\nContent-Type: application/json\r\n\r\nc',
      ['a', 'b', 'c'],
    ],
    ['fields that nobody knows', 'X-Trace: a: b\r\nContent-Length: 1\r\nEmpty:\r\n\r\na', ['a']],
    ['CR and LF in the payload', 'Content-Length: 4\r\n\r\n\r\n\r\n', ['\r\n\r\n']],
  ])('%s', (_fact, wire, expected) => {
    const bytes = Buffer.from(wire);
    expect(texts(decode(contentLength(), bytes))).toEqual(expected);
    expect(texts(decode(contentLength(), ...drops(bytes)))).toEqual(expected);
    for (const [first, second] of splits(bytes))
      expect(texts(decode(contentLength(), first, second))).toEqual(expected);
  });

  it.each([
    ['LF alone', 'Content-Length: 2\n\nab'],
    ['LF alone after the head', 'Content-Length: 2\r\n\nab'],
    ['no length', 'Content-Type: application/json\r\n\r\n'],
    ['nothing at all', '\r\n'],
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 2\r\n\r\nab'],
    ['a negative length', 'Content-Length: -2\r\n\r\n'],
    ['a length with a sign', 'Content-Length: +2\r\n\r\n'],
    ['a hexadecimal length', 'Content-Length: 0x2\r\n\r\n'],
    ['a fraction', 'Content-Length: 2.0\r\n\r\n'],
    ['a list of lengths', 'Content-Length: 2, 2\r\n\r\n'],
    ['no length after the name', 'Content-Length:\r\n\r\n'],
    ['a length of sixteen digits', 'Content-Length: 0000000000000002\r\n\r\nab'],
    ['no colon', 'Content-Length 2\r\n\r\n'],
    ['a blank before the colon', 'Content-Length : 2\r\n\r\n'],
    ['a folded line', 'Content-Length: 2\r\n more\r\n\r\n'],
    ['a letter beyond ASCII', 'Content-L\xe4nge: 2\r\n\r\n'],
    ['a zero byte', 'Content-Length: 2\0\r\n\r\n'],
    ['another charset', 'Content-Type: text/plain; charset=latin1\r\nContent-Length: 1\r\n\r\na'],
    ['JSON without a head', '{"jsonrpc":"2.0"}\r\n'],
  ])('a head with %s is refused', (_what, wire) => {
    const bytes = Buffer.from(wire, 'latin1');
    expect(codeOf(() => decode(contentLength(), bytes))).toBe(invalidFrame);
    expect(codeOf(() => decode(contentLength(), ...drops(bytes)))).toBe(invalidFrame);
  });

  it('says how frames have to look', () => {
    expect(thrownBy(() => decode(contentLength(), 'Content-Length: 2\n\n')).message).toContain('CR LF');
  });

  it('a length above the limit is refused with the line that says so', () => {
    const codec = contentLength({ maxFrameLength: 100 });
    expect(codeOf(() => new Receiving(codec).receive(Buffer.from('Content-Length: 101\r\n')))).toBe(tooLarge);
    expect(
      codeOf(() => new Receiving(codec).receive(Buffer.from('Content-Length: 100\r\n'))),
    ).toBeUndefined();
  });

  it('a head without an end is refused at its limit', () => {
    const codec = contentLength({ maxHeadLength: 64 });
    const receiving = new Receiving(codec);
    for (const drop of drops(Buffer.alloc(64, 'x'))) receiving.receive(drop);
    expect(codeOf(() => receiving.receive(Buffer.from('x')))).toBe(tooLarge);
    const many = 'A: b\r\n'.repeat(11);
    expect(codeOf(() => decode(codec, many))).toBe(tooLarge);
  });

  it('each byte of a head that drips in is searched once', () => {
    const decoder = contentLength({ maxHeadLength: 100_000 }).decoder(codecContext());
    const queue = new ChunkQueue();
    let searched = 0;
    const indexOf = queue.indexOf.bind(queue);
    queue.indexOf = (byte, from = 0) => {
      searched += queue.length - from;
      return indexOf(byte, from);
    };
    for (let index = 0; index < 20_000; index++) {
      queue.push(Buffer.from('x'));
      expect(decoder.decode(queue)).toBe(NEED_MORE);
    }
    expect(searched).toBe(20_000);
  });
});

describe('sending frames with a Content-Length', () => {
  it('counts bytes, not characters', () => {
    expect(String(encode(contentLength(), 'grüße', Buffer.from('漢')))).toBe(
      'Content-Length: 7\r\n\r\ngrüßeContent-Length: 3\r\n\r\n漢',
    );
    expect(String(encode(contentLength(), '\ud800'))).toBe('Content-Length: 3\r\n\r\n\uFFFD');
  });
});

it.each([[{ maxFrameLength: 0 }], [{ maxHeadLength: 31 }], [{ maxHeadLength: 1.5 }], [{ maxLength: 5 }]])(
  'the options %j make no sense',
  (options) => {
    expect(codeOf(() => contentLength(options as object))).toBe('P2P_ERR_INVALID_CONFIG');
  },
);
