import { describe, expect, it } from '@jest/globals';
import { json, lengthDelimited, lines, tagged, unchecked } from '@pea2pea/codecs';
import type { StandardSchemaV1 } from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { codeOf, decode, encode, Sending, thrownBy } from './drive.js';

const seen: unknown[] = [];
const Text: StandardSchemaV1<{ text: string }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate(value) {
      seen.push(value);
      const { text } = value as { text?: unknown };
      return typeof text === 'string'
        ? { value: { text } }
        : { issues: [{ message: 'must be a text', path: ['text'] }] };
    },
  },
};
const codec = tagged({ ping: unchecked<object>(), text: Text }, { over: json(lines()) });

describe('tagged messages', () => {
  it('are the object with its tag, on the wire and in the hand', () => {
    expect(encode(codec, { type: 'text', text: 'hi' }).toString()).toBe('{"type":"text","text":"hi"}\n');
    expect(decode(codec, '{"text":"hi","type":"text"}\n{"type":"ping"}\n')).toEqual([
      { type: 'text', text: 'hi' },
      { type: 'ping' },
    ]);
  });

  it('are validated without their tag, each by the schema of its tag', () => {
    seen.length = 0;
    expect(decode(codec, '{"type":"text","text":"hi","more":1}\n')).toEqual([{ type: 'text', text: 'hi' }]);
    expect(seen).toEqual([{ text: 'hi', more: 1 }]);
    const error = thrownBy(() => decode(codec, '{"type":"text"}\n'));
    expect(error.code).toBe('P2P_ERR_INVALID_FRAME');
    expect(error.message).toContain('text: must be a text');
    expect(error.cause).toEqual([{ message: 'must be a text', path: ['text'] }]);
  });

  it.each([
    '{"type":"pong"}',
    '{"type":"toString"}',
    '{"type":"__proto__"}',
    '{"type":["ping"]}',
    '{"type":null}',
    '{"text":"hi"}',
    '{}',
    '[]',
    '["ping"]',
    '"ping"',
    'null',
    '5',
  ])('with an unknown tag, or none, are refused: %s', (wire) => {
    expect(codeOf(() => decode(codec, `${wire}\n`))).toBe('P2P_ERR_INVALID_FRAME');
  });

  it.each([{ type: 'pong' }, {}, null, undefined, 'ping', [], { type: 'constructor' }])(
    'with an unknown tag, or none, are not sent: %j',
    (message) => {
      const sending = new Sending(codec);
      expect(codeOf(() => sending.send(message as never))).toBe('P2P_ERR_INVALID_FRAME');
      expect(sending.halfWritten).toBe(0);
    },
  );

  it('an unknown tag is quoted, the beginning of a long one', () => {
    const { message } = thrownBy(() => decode(codec, `{"type":"${'x'.repeat(9000)}\\n"}\n`));
    expect(message).toContain(`the \`type\` of a message is "${'x'.repeat(50)}", which is not a known one`);
  });

  it('a `__proto__` that was sent is a property like any other', () => {
    const [message] = decode(codec, '{"type":"ping","__proto__":{"admin":true}}\n');
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
    expect(message).not.toHaveProperty('admin');
  });

  it('keep their tag, whatever the schema makes of the rest', () => {
    const lying = tagged({ a: unchecked<object>() }, { key: 'kind', over: json(lines()) });
    expect(decode(lying, '{"kind":"a","type":"b"}\n')).toEqual([{ kind: 'a', type: 'b' }]);
    const other: StandardSchemaV1<object> = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ value: { type: 'b' } }) },
    };
    expect(decode(tagged({ a: other }, { over: json(lines()) }), '{"type":"a"}\n')).toEqual([{ type: 'a' }]);
  });

  it.each([
    ['json()', json()],
    ['msgpack()', msgpack()],
    ['cbor()', cbor(lengthDelimited())],
  ])('go over %s', (_name, over) => {
    const both = tagged({ ping: unchecked<object>(), text: Text }, { over });
    const messages = [{ type: 'ping' as const }, { type: 'text' as const, text: 'grüße' }];
    expect(decode(both, encode(both, ...messages))).toEqual(messages);
  });

  it.each([
    ['at least one type', {}, {}],
    ['at least one type', undefined, {}],
    ['member `a`', { a: {} }, {}],
    ['member `a`', { a: null }, {}],
    ['`key`', { a: Text }, { key: '' }],
    ['`key`', { a: Text }, { key: '__proto__' }],
    ['`key`', { a: Text }, { key: 5 }],
    ['`tag`', { a: Text }, { tag: 'kind' }],
  ])('refuse a configuration, naming %s: %j %j', (named, members, options) => {
    const error = thrownBy(() => tagged(members as never, options as never));
    expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
    expect(error.message).toContain(named);
  });
});
