import { describe, expect, it } from '@jest/globals';
import { NEED_MORE } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { lengthDelimited } from '@pea2pea/codecs';
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
import { TOKIO_READS, TOKIO_WRITES } from './tokio-cases.js';

const invalidFrame = 'P2P_ERR_INVALID_FRAME';
const tooLarge = 'P2P_ERR_FRAME_TOO_LARGE';

describe('frames with a declared length, as tokio-util reads them', () => {
  it.each(TOKIO_READS)('$fact', ({ knobs, wire, frames }) => {
    const codec = lengthDelimited(knobs);
    const bytes = Buffer.from(wire, 'latin1');
    const read = (...chunks: Buffer[]): string[] =>
      decode(codec, ...chunks).map((frame) => frame.toString('latin1'));
    expect(read(bytes)).toEqual(frames);
    expect(read(...drops(bytes))).toEqual(frames);
    for (const [first, second] of splits(bytes)) expect(read(first, second)).toEqual(frames);
  });

  it.each([
    ['in the head', '\0\0'],
    ['right behind the head', '\0\0\0\x09'],
    ['in the payload', '\0\0\0\x09abcd'],
  ])('a stream that ends %s is truncated', (_where, wire) => {
    expect(codeOf(() => decode(lengthDelimited(), wire))).toBe('P2P_ERR_TRUNCATED_FRAME');
  });
});

describe('frames with a declared length, as tokio-util writes them', () => {
  it.each(TOKIO_WRITES)('$fact', ({ knobs, wire, payloads }) => {
    const codec = lengthDelimited(knobs);
    expect(encode(codec, ...payloads.map((payload) => Buffer.from(payload))).toString('latin1')).toBe(wire);
    expect(encode(codec, ...payloads).toString('latin1')).toBe(wire);
  });

  it.each([
    [-1, 254],
    [0, 255],
    [1, 256],
  ])('what a one-byte length with an adjustment of %d can hold is the limit: %d', (adjustment, largest) => {
    const codec = lengthDelimited({
      lengthFieldLength: 1,
      lengthAdjustment: adjustment,
      maxFrameLength: 1000,
    });
    const wire = encode(codec, Buffer.alloc(largest));
    expect(wire[0]).toBe(255);
    expect(decode(codec, wire)[0]).toHaveLength(largest);
    expect(codeOf(() => encode(codec, Buffer.alloc(largest + 1)))).toBe(tooLarge);
    expect(codeOf(() => encode(codec, 'x'.repeat(largest + 1)))).toBe(tooLarge);
  });
});

describe('the limit of a frame', () => {
  it('a declared length at the limit is received and sent', () => {
    const codec = lengthDelimited({ maxFrameLength: 9 });
    expect(decode(codec, encode(codec, Buffer.from('abcdefghi'))).map(String)).toEqual(['abcdefghi']);
    expect(decode(codec, encode(codec, 'üüüüa')).map(String)).toEqual(['üüüüa']);
  });

  it('a declared length over the limit is refused before its bytes arrive', () => {
    const receiving = new Receiving(lengthDelimited({ maxFrameLength: 8 }));
    expect(codeOf(() => receiving.receive(Buffer.of(0, 0, 0, 9)))).toBe(tooLarge);
  });

  it('a declared length over the limit is refused before the rest of the head arrives', () => {
    const receiving = new Receiving(lengthDelimited({ maxFrameLength: 8, numSkip: 100 }));
    expect(codeOf(() => receiving.receive(Buffer.of(0, 0, 0, 9)))).toBe(tooLarge);
  });

  it('is 1 MiB unless told otherwise', () => {
    const mebi = 1024 * 1024;
    expect(decode(lengthDelimited(), encode(lengthDelimited(), Buffer.alloc(mebi)))[0]).toHaveLength(mebi);
    expect(codeOf(() => encode(lengthDelimited(), Buffer.alloc(mebi + 1)))).toBe(tooLarge);
    expect(codeOf(() => decode(lengthDelimited(), Buffer.of(0, 16, 0, 1)))).toBe(tooLarge);
  });

  it('is on the declared length, before the adjustment, both ways', () => {
    const counted = lengthDelimited({ maxFrameLength: 10, lengthFieldLength: 2, lengthAdjustment: -2 });
    expect(decode(counted, encode(counted, Buffer.alloc(8)))[0]).toHaveLength(8);
    expect(codeOf(() => encode(counted, Buffer.alloc(9)))).toBe(tooLarge);
    expect(codeOf(() => encode(counted, '漢漢漢'))).toBe(tooLarge);
    expect(codeOf(() => decode(counted, '\0\x0b'))).toBe(tooLarge);
    const shortened = lengthDelimited({ maxFrameLength: 10, lengthFieldLength: 2, lengthAdjustment: 2 });
    expect(decode(shortened, encode(shortened, Buffer.alloc(12)))[0]).toHaveLength(12);
    expect(codeOf(() => encode(shortened, Buffer.alloc(13)))).toBe(tooLarge);
  });

  it('holds for lengths beyond what a number can count', () => {
    for (const endianness of ['big', 'little'] as const) {
      const codec = lengthDelimited({
        lengthFieldLength: 8,
        maxFrameLength: Number.MAX_SAFE_INTEGER,
        endianness,
      });
      expect(codeOf(() => decode(codec, Buffer.alloc(8, 0xff)))).toBe(tooLarge);
      const beyond = endianness === 'big' ? '\0\x20\0\0\0\0\0\0' : '\0\0\0\0\0\0\x20\0';
      expect(codeOf(() => decode(codec, beyond))).toBe(tooLarge);
    }
  });

  it('a text that is refused has written nothing, neither has its head', () => {
    const sending = new Sending(lengthDelimited({ maxFrameLength: 5 }));
    sending.send('before'.slice(0, 5));
    for (const text of ['abcdef', 'üüü', '漢字']) {
      expect(codeOf(() => sending.send(text))).toBe(tooLarge);
      expect(sending.halfWritten).toBe(0);
    }
    expect(sending.take().toString()).toBe('\0\0\0\x05befor');
  });
});

describe('frames that make no sense', () => {
  it('a length that the adjustment makes negative is refused', () => {
    const codec = lengthDelimited({ lengthFieldLength: 2, lengthAdjustment: -2 });
    expect(decode(codec, '\0\x02')).toEqual([Buffer.alloc(0)]);
    expect(codeOf(() => decode(codec, '\0\x01'))).toBe(invalidFrame);
  });

  it('a frame without a byte, which could come for ever, is refused', () => {
    const codec = lengthDelimited({ lengthFieldLength: 1, numSkip: 0 });
    expect(codeOf(() => decode(codec, '\0'))).toBe(invalidFrame);
  });

  it('a payload shorter than the adjustment cannot be sent', () => {
    const codec = lengthDelimited({ lengthAdjustment: 4 });
    const sending = new Sending(codec);
    for (const payload of [Buffer.alloc(3), 'abc']) {
      expect(codeOf(() => sending.send(payload))).toBe(invalidFrame);
      expect(sending.halfWritten).toBe(0);
    }
    sending.send('abcd');
    expect(sending.take().toString()).toBe('\0\0\0\0abcd');
  });

  it('neither can what is no bytes and no text', () => {
    const sending = new Sending(lengthDelimited());
    for (const payload of [undefined, null, 5, {}, [1], new Uint16Array(1), new ArrayBuffer(1)]) {
      expect(codeOf(() => sending.send(payload as never))).toBe(invalidFrame);
    }
    expect(sending.take()).toHaveLength(0);
  });
});

describe('memory', () => {
  it('a payload in one chunk is a view into it', () => {
    const queue = new ChunkQueue();
    const chunk = encode(lengthDelimited(), Buffer.from('abc'), Buffer.from('def'));
    queue.push(chunk);
    const decoder = lengthDelimited().decoder(codecContext());
    for (const text of ['abc', 'def']) {
      const frame = decoder.decode(queue) as Buffer;
      expect(frame.toString()).toBe(text);
      expect(frame.buffer).toBe(chunk.buffer);
    }
    expect(decoder.decode(queue)).toBe(NEED_MORE);
  });

  it('a large payload and its head arrive whole', () => {
    const payload = Buffer.alloc(200_000, 'abcdefg');
    const wire = encode(lengthDelimited(), 'small', payload, 'x'.repeat(50_000), payload);
    const chunks = Array.from({ length: Math.ceil(wire.length / 65536) }, (_, index) =>
      wire.subarray(index * 65536, (index + 1) * 65536),
    );
    expect(decode(lengthDelimited(), ...chunks).map(({ length }) => length)).toEqual([
      5, 200_000, 50_000, 200_000,
    ]);
    expect(decode(lengthDelimited(), ...chunks)[3]).toEqual(payload);
  });
});

it.each([
  ['`maxFrameLength`', { maxFrameLength: 0 }],
  ['`maxFrameLength`', { maxFrameLength: 2 ** 60 }],
  ['`maxFrameLength`', { maxFrameLength: NaN }],
  ['`maxFrameLength`', { maxFrameLength: null }],
  ['`lengthFieldOffset`', { lengthFieldOffset: -1 }],
  ['`lengthFieldLength`', { lengthFieldLength: 0 }],
  ['`lengthFieldLength`', { lengthFieldLength: 9 }],
  ['`lengthFieldLength`', { lengthFieldLength: '4' }],
  ['`endianness`', { endianness: 'BE' }],
  ['`lengthAdjustment`', { lengthAdjustment: 0.5 }],
  ['`lengthAdjustment`', { lengthAdjustment: -255, lengthFieldLength: 1 }],
  ['`numSkip`', { numSkip: -1 }],
  ['`maxFrameLen`', { maxFrameLen: 10 }],
])('lengthDelimited refuses a configuration, naming %s: %j', (named, options) => {
  const error = thrownBy(() => lengthDelimited(options as never));
  expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
  expect(error.message).toContain(named);
});
