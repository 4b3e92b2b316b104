import { describe, expect, it } from '@jest/globals';
import { PeerError, UnreadableFrame } from '@pea2pea/core';
import { json, lengthDelimited, lines, unchecked } from '@pea2pea/codecs';
import { codeOf, decode, encode } from './drive.js';

describe("json({ unreadable: 'deliver' })", () => {
  it('puts an UnreadableFrame in the place of what is not JSON, and goes on', () => {
    const codec = json<object>(lines(), { unreadable: 'deliver' });
    const [first, second, third] = decode(codec, '{"a":1}\n{"a":\n{"b":2}\n');
    expect([first, third]).toEqual([{ a: 1 }, { b: 2 }]);
    expect(UnreadableFrame.is(second)).toBe(true);
    expect(PeerError.is((second as UnreadableFrame).error, 'P2P_ERR_INVALID_FRAME')).toBe(true);
  });

  it('the same where the bytes of a frame are not UTF-8, and past a schema', () => {
    const frames = encode(lengthDelimited(), Buffer.from('"\xff"', 'latin1'), '"a"');
    const codec = json(unchecked<string>(), lengthDelimited(), { unreadable: 'deliver' });
    expect(decode(codec, frames).map((message) => UnreadableFrame.is(message) || message)).toEqual([
      true,
      'a',
    ]);
  });

  it('what is above a limit ends the connection all the same', () => {
    const codec = json(lines(), { unreadable: 'deliver', maxObjects: 2 });
    expect(codeOf(() => decode(codec, '[[],[],[]]\n'))).toBe('P2P_ERR_FRAME_TOO_LARGE');
    expect(codeOf(() => decode(json(lines()), '{"a":\n'))).toBe('P2P_ERR_INVALID_FRAME');
  });

  it('nothing that arrives looks like one', () => {
    for (const value of [null, undefined, 1, 'text', {}, { error: 1 }, []]) {
      expect(UnreadableFrame.is(value)).toBe(false);
    }
  });
});

describe('the id of a JSON-RPC message', () => {
  const codec = json(lines());
  const longId = '9007199254740993';

  it.each([
    [`{"jsonrpc":"2.0","id":${longId},"method":"a"}`, BigInt(longId)],
    [`{"id" : -${longId} ,"x":{"id":1},"jsonrpc":"2.0"}`, -BigInt(longId)],
    [`{"jsonrpc":"2.0","i\\u0064":${longId}}`, BigInt(longId)],
    [`{"jsonrpc":"2.0","params":{"id":"\\"id\\":5"},"id":${longId}}`, BigInt(longId)],
    [`{"jsonrpc":"2.0","id":5,"id":${longId}}`, BigInt(longId)],
    [`{"jsonrpc":"2.0","id":${longId},"id":5}`, 5],
    [`{"jsonrpc":"2.0","id":${longId},"id":"a"}`, 'a'],
    [`{"jsonrpc":"2.0","id":1.5}`, 1.5],
    [`{"jsonrpc":"2.0","id":1e300}`, 1e300],
    [`{"jsonrpc":"2.0","id":1e999}`, Infinity],
    [`{"jsonrpc":"2.0","id":${'9'.repeat(129)}}`, Number('9'.repeat(129))],
    [`{"jsonrpc":"2.0","id":[${longId}]}`, [Number(longId)]],
    [`{"jsonrpc":"2.0","id":7,"params":[${longId}]}`, 7],
    [`{"id":${longId}}`, Number(longId)],
  ])('in %s is %p', (line, id) => {
    expect((decode(codec, `${line}\n`)[0] as { id: unknown }).id).toEqual(id);
  });

  it('is kept in a batch, each its own', () => {
    const batch = `[{"jsonrpc":"2.0","params":[1,{"id":2}],"id":${longId}},7,[1,2],{"jsonrpc":"2.0","id":1},{"jsonrpc":"2.0","id":1${longId}}]`;
    const [members] = decode(codec, `${batch}\n`) as [{ id?: unknown }[]];
    expect(members.map((member) => member.id)).toEqual([
      BigInt(longId),
      undefined,
      undefined,
      1,
      BigInt(`1${longId}`),
    ]);
  });

  it('is sent with the digits that came', () => {
    const long = BigInt(longId);
    const messages = [
      { jsonrpc: '2.0', id: long, result: [1] },
      [{ jsonrpc: '2.0', id: 1, result: 2 }, { jsonrpc: '2.0', id: long, result: null }, undefined],
    ];
    expect(String(encode(codec, ...messages))).toBe(
      `{"id":${longId},"jsonrpc":"2.0","result":[1]}\n` +
        `[{"jsonrpc":"2.0","id":1,"result":2},{"id":${longId},"jsonrpc":"2.0","result":null},null]\n`,
    );
    for (const other of [{ id: long }, { jsonrpc: '2.0', id: long, result: long }])
      expect(codeOf(() => encode(codec, other))).toBe('P2P_ERR_INVALID_FRAME');
  });
});
