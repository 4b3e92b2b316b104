import { describe, expect, it } from '@jest/globals';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { bytes } from '@pea2pea/codecs';
import { codecContext, codeOf, decode, encode, Sending, thrownBy } from './drive.js';

describe('bytes', () => {
  it('hands out a chunk as it came', () => {
    expect(decode(bytes(), 'abc', 'de').map(String)).toEqual(['abc', 'de']);
  });

  it('hands out a view, not a copy', () => {
    const queue = new ChunkQueue();
    const chunk = Buffer.from('abcdef');
    queue.push(chunk);
    const message = bytes().decoder(codecContext()).decode(queue) as Buffer;
    expect(message.buffer).toBe(chunk.buffer);
  });

  it('hands out a chunk at its limit whole', () => {
    expect(decode(bytes({ maxChunkLength: 4 }), 'abcd').map(String)).toEqual(['abcd']);
  });

  it('hands out a chunk over its limit in pieces', () => {
    expect(decode(bytes({ maxChunkLength: 4 }), 'abcde').map(String)).toEqual(['abcd', 'e']);
    expect(decode(bytes(), Buffer.alloc(150_000)).map(({ length }) => length)).toEqual([65536, 65536, 18928]);
  });

  it('writes bytes as they are, large ones and none at all included', () => {
    const large = Buffer.alloc(100_000, 'x');
    expect(encode(bytes(), Buffer.alloc(0), Uint8Array.of(1, 2), large)).toEqual(
      Buffer.concat([Buffer.of(1, 2), large]),
    );
  });

  it('refuses to send what is no bytes', () => {
    const sending = new Sending(bytes());
    for (const message of ['text', 7, null, [1, 2], new Uint16Array(2)]) {
      expect(codeOf(() => sending.send(message as never))).toBe('P2P_ERR_INVALID_FRAME');
    }
    expect(sending.take()).toHaveLength(0);
  });

  it.each([
    ['`maxChunkLength`', { maxChunkLength: 0 }],
    ['`maxChunkLength`', { maxChunkLength: 1.5 }],
    ['`maxChunkLength`', { maxChunkLength: '64' }],
    ['`maxChunkLenght`', { maxChunkLenght: 64 }],
    ['the options', null],
    ['the options', 64],
  ])('refuses a configuration, naming %s: %j', (named, options) => {
    const error = thrownBy(() => bytes(options as never));
    expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
    expect(error.message).toContain(named);
  });
});
