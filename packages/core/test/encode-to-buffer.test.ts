import { expect, it } from '@jest/globals';
import {
  ConnectionContext,
  contextKey,
  encodeToBuffer,
  SocketAddress,
  type Codec,
  type CodecContext,
} from '@pea2pea/core';
import { textCodec } from '@pea2pea/testing';

const KEY = contextKey<string>('key');

const withKey: Codec<string, string> = {
  decoder: () => textCodec().decoder({} as CodecContext),
  encoder: ({ direction, context }) => ({
    encode: (text, output) => void output.writeText(`${direction} ${context.get(KEY) ?? 'nobody'}: ${text}`),
  }),
};

it('one message of a codec becomes bytes of its own', () => {
  const bytes = encodeToBuffer(textCodec(), 'hello');
  expect(bytes.toString()).toBe('hello\n');
  encodeToBuffer(textCodec(), 'something else');
  expect(bytes.toString()).toBe('hello\n');
});

it('a codec that looks at the connection is told of a dial to nowhere, or what it is given', () => {
  expect(encodeToBuffer(withKey, 'hi').toString()).toBe('outbound nobody: hi');
  const context = new ConnectionContext().with(KEY, 'Alice');
  const connection = { direction: 'inbound', address: new SocketAddress('127.0.0.1', 1), context } as const;
  expect(encodeToBuffer(withKey, 'hi', connection).toString()).toBe('inbound Alice: hi');
});

it('an encoder goes on where its last message ended', () => {
  let count = 0;
  const counting = {
    encode: (text: string, output: { writeText(text: string): number }) =>
      output.writeText(`${++count} ${text};`),
  };
  expect([encodeToBuffer(counting, 'a'), encodeToBuffer(counting, 'b')].map(String)).toEqual([
    '1 a;',
    '2 b;',
  ]);
});

it('a message of many slabs and payloads by reference is one buffer', () => {
  const parts = [Buffer.alloc(70_000, 'a'), Buffer.alloc(5_000, 'b'), Buffer.alloc(33_000, 'c')];
  const whole = encodeToBuffer<Buffer[]>(
    { encode: (all, output) => all.forEach((part) => output.write(part)) },
    parts,
  );
  expect(whole.equals(Buffer.concat(parts))).toBe(true);
});

it('what an encoder throws or returns fails as in a send', () => {
  const failing = (encode: () => unknown) => () => encodeToBuffer({ encode: encode }, 'x');
  expect(failing(() => JSON.parse('{'))).toThrow(expect.objectContaining({ code: 'P2P_ERR_ENCODE_FAILED' }));
  expect(failing(() => Promise.reject(new Error('late')))).toThrow(
    expect.objectContaining({ code: 'P2P_ERR_ENCODE_FAILED' }),
  );
  expect(encodeToBuffer(textCodec(), 'next').toString()).toBe('next\n');
});
