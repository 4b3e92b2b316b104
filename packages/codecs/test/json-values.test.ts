import { describe, expect, it } from '@jest/globals';
import { NEED_MORE } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { json, jsonValues } from '@pea2pea/codecs';
import { codecContext, codeOf, decode, drops, encode, Receiving, splits } from './drive.js';

const invalidFrame = 'P2P_ERR_INVALID_FRAME';
const tooLarge = 'P2P_ERR_FRAME_TOO_LARGE';

describe('JSON values back to back', () => {
  it.each([
    ['without anything between them', '{"a":1}[2]"c"{}', [{ a: 1 }, [2], 'c', {}]],
    ['with blanks of every kind', ' {}\r\n\t[]\n\n\n"a" \n', [{}, [], 'a']],
    ['over several lines', '{\n  "a": [\n    1\n  ]\n}\n', [{ a: [1] }]],
    [
      'words, ended by a blank or a bracket',
      '1 -2.5e3\ntrue[null]false"a"3{}',
      [1, -2500, true, [null], false, 'a', 3, {}],
    ],
    ['a word that ends with the stream', '{} 12', [{}, 12]],
    ['brackets and quotes inside strings', '{"}]":"[\\"{\\\\"}["]"]', [{ '}]': '["{\\' }, [']']]],
    ['escapes before a quote', '"\\\\" "\\\\\\"" "\\u0022"', ['\\', '\\"', '"']],
    ['beyond ASCII', '"漢🙂"["grüße"]', ['漢🙂', ['grüße']]],
  ])('%s', (_fact, wire, expected) => {
    const bytes = Buffer.from(wire);
    const codec = json(jsonValues());
    expect(decode(codec, bytes)).toEqual(expected);
    expect(decode(codec, ...drops(bytes))).toEqual(expected);
    for (const [first, second] of splits(bytes)) expect(decode(codec, first, second)).toEqual(expected);
  });

  it('a byte order mark between two is skipped where that is wanted', () => {
    const bytes = Buffer.from('\uFEFF{}\uFEFF\n\uFEFF[]');
    const codec = json(jsonValues({ skipBom: true }));
    expect(decode(codec, bytes)).toEqual([{}, []]);
    for (const [first, second] of splits(bytes)) expect(decode(codec, first, second)).toEqual([{}, []]);
    expect(codeOf(() => decode(json(jsonValues()), bytes))).toBe(invalidFrame);
  });

  it.each([']', '}', ',', ':'])('what begins with %s is refused at once', (wire) => {
    expect(codeOf(() => new Receiving(jsonValues()).receive(Buffer.from(wire)))).toBe(invalidFrame);
  });

  it('brackets that do not match have an end, which the parser refuses; the next value is read', () => {
    const codec = json(jsonValues(), { unreadable: 'deliver' });
    expect(decode(codec, '{]"a"').map((message) => typeof message)).toEqual(['object', 'string']);
    expect(codeOf(() => decode(json(jsonValues()), '{]"a"'))).toBe(invalidFrame);
  });

  it('half a value at the end of the stream is not one', () => {
    for (const half of ['{', '["a', '"a', '[1,2'])
      expect(codeOf(() => decode(jsonValues(), half))).toBe('P2P_ERR_TRUNCATED_FRAME');
  });

  it('its length and its depth are bounded while it is being received', () => {
    const short = new Receiving(jsonValues({ maxLength: 100 }));
    short.receive(Buffer.from(`[${' '.repeat(99)}`));
    expect(codeOf(() => short.receive(Buffer.from(' ')))).toBe(tooLarge);
    const deep = jsonValues({ maxDepth: 3 });
    expect(decode(deep, '[[[]]]').map(String)).toEqual(['[[[]]]']);
    expect(codeOf(() => new Receiving(deep).receive(Buffer.from('[[[[')))).toBe(tooLarge);
    expect(codeOf(() => encode(deep, '[[[[]]]]'))).toBe(tooLarge);
  });

  it('blanks without an end are not kept', () => {
    const receiving = new Receiving(jsonValues({ maxLength: 10 }));
    for (let turn = 0; turn < 100; turn++) {
      receiving.receive(Buffer.alloc(1_000, ' \n'));
      expect(receiving.left).toBe(0);
    }
  });

  it('each byte that drips in is looked at once, and those of a string at most three times', () => {
    const decoder = jsonValues().decoder(codecContext());
    const queue = new ChunkQueue();
    let looks = 0;
    const [peek, indexOf] = [queue.peek.bind(queue), queue.indexOf.bind(queue)];
    queue.peek = (at) => (looks++, peek(at));
    queue.indexOf = (byte, from = 0) => {
      const found = indexOf(byte, from);
      looks += (found === -1 ? queue.length : found) - from;
      return found;
    };
    const wire = Buffer.from(`[${'[],'.repeat(2_000)}"${'\\"\\\\'.repeat(2_000)}"]`);
    for (const drop of drops(wire.subarray(0, -1))) {
      queue.push(drop);
      expect(decoder.decode(queue)).toBe(NEED_MORE);
    }
    expect(looks).toBeLessThan(3 * wire.length);
  });
});

describe('sending JSON values', () => {
  it('leaves out blanks around a value that is sent', () => {
    expect(encode(jsonValues(), ' \n{"a":1} ').toString().trim()).toBe('{"a":1}');
    expect(codeOf(() => encode(jsonValues(), ' '))).toBe(invalidFrame);
  });

  it('puts LF after each', () => {
    expect(String(encode(json(jsonValues()), { a: 'ü' }, 1))).toBe('{"a":"ü"}\n1\n');
  });
});

it.each([[{ maxLength: 0 }], [{ maxDepth: 0 }], [{ skipBom: 1 }], [{ maxFrameLength: 5 }]])(
  'the options %j make no sense',
  (options) => {
    expect(codeOf(() => jsonValues(options as object))).toBe('P2P_ERR_INVALID_CONFIG');
  },
);
