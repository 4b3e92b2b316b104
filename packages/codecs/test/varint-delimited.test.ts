import { describe, expect, it } from '@jest/globals';
import { create, sizeDelimitedPeek, sizeDelimitedEncode } from './protobuf-wire.js';
import { NEED_MORE } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { json, varintDelimited } from '@pea2pea/codecs';
import { codecContext, codeOf, decode, drops, encode, Receiving, Sending, thrownBy } from './drive.js';
import { FORBIDDEN_VARINTS, HUGE_VARINTS, PADDED_VARINTS, VARINTS } from './varint-vectors.js';

const invalidFrame = 'P2P_ERR_INVALID_FRAME';
const tooLarge = 'P2P_ERR_FRAME_TOO_LARGE';
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('a varint', () => {
  const roomy = varintDelimited({ maxFrameLength: 4 * 1024 * 1024 });

  it.each(VARINTS)('of $value is $wire', ({ value, wire }) => {
    const sent = encode(roomy, Buffer.alloc(value, 'x'));
    expect(sent.subarray(0, sent.length - value).toString('hex')).toBe(wire);
    expect(decode(roomy, sent).map(({ length }) => length)).toEqual([value]);
    const receiving = new Receiving(roomy);
    expect(drops(hex(wire)).flatMap((drop) => receiving.receive(drop))).toHaveLength(value === 0 ? 1 : 0);
    expect(receiving.left).toBe(value === 0 ? 0 : wire.length / 2);
  });

  it.each(HUGE_VARINTS)('that nobody can hold is over every limit: %s', (wire) => {
    const codec = varintDelimited({ maxFrameLength: 2 ** 40 });
    expect(codeOf(() => decode(codec, hex(wire)))).toBe(tooLarge);
    expect(codeOf(() => decode(codec, ...drops(hex(wire))))).toBe(tooLarge);
  });

  it.each(FORBIDDEN_VARINTS)('is refused: $what', ({ wire }) => {
    expect(codeOf(() => decode(varintDelimited(), hex(wire)))).toBe(invalidFrame);
    expect(codeOf(() => decode(varintDelimited(), ...drops(hex(wire))))).toBe(invalidFrame);
  });

  it('that is over the largest number is over the largest limit', () => {
    const codec = varintDelimited({ maxFrameLength: Number.MAX_SAFE_INTEGER });
    expect(codeOf(() => decode(codec, hex(HUGE_VARINTS[1]!)))).toBe(tooLarge);
    expect(new Receiving(codec).receive(hex(HUGE_VARINTS[0]!))).toEqual([]);
  });

  it.each(['80', 'ffff', '05'])('a stream that ends behind %s is truncated', (wire) => {
    expect(codeOf(() => decode(varintDelimited(), hex(wire)))).toBe('P2P_ERR_TRUNCATED_FRAME');
  });
});

describe('a padded length', () => {
  const taking = varintDelimited({ padded: 'take', maxFrameLength: 300 });

  it.each(PADDED_VARINTS)(
    'is taken where the option says so, however it comes: $wire for $value',
    ({ value, wire }) => {
      const sent = Buffer.concat([hex(wire), Buffer.alloc(value, 'x'), hex('0161')]);
      const frames = ['x'.repeat(value), 'a'];
      expect(decode(taking, sent).map(String)).toEqual(frames);
      expect(decode(taking, ...drops(sent)).map(String)).toEqual(frames);
      expect(codeOf(() => decode(varintDelimited(), sent))).toBe(invalidFrame);
    },
  );

  it.each(VARINTS.filter(({ value }) => value <= 300))(
    'is no other where it is not padded: $value',
    ({ value, wire }) => {
      expect(encode(taking, Buffer.alloc(value))).toEqual(Buffer.concat([hex(wire), Buffer.alloc(value)]));
      expect(decode(taking, encode(taking, Buffer.alloc(value)))).toEqual([Buffer.alloc(value)]);
    },
  );

  it('has ten bytes at most, and the limit of any other', () => {
    const waits = new Receiving(taking);
    expect(waits.receive(Buffer.alloc(9, 0x80))).toEqual([]);
    expect(codeOf(() => waits.receive(Buffer.of(0x80)))).toBe(invalidFrame);
    expect(codeOf(() => decode(taking, hex('ad828000')))).toBe(tooLarge);
    expect(codeOf(() => decode(taking, hex('ffffffffffffffffff01')))).toBe(tooLarge);
    expect(codeOf(() => decode(taking, hex('ffffffffffffffffff7f')))).toBe(tooLarge);
  });
});

describe('the limit of a frame', () => {
  it('is met both ways, with bytes and text', () => {
    const codec = varintDelimited({ maxFrameLength: 9 });
    for (const payload of [Buffer.from('abcdefghi'), 'abcdefghi', 'üüüüa']) {
      expect(decode(codec, encode(codec, payload))[0]).toHaveLength(9);
    }
    for (const payload of [Buffer.alloc(10), 'abcdefghij', 'üüüüü']) {
      const sending = new Sending(codec);
      expect(codeOf(() => sending.send(payload))).toBe(tooLarge);
      expect(sending.halfWritten).toBe(0);
    }
  });

  it('is looked at before the payload arrives', () => {
    expect(codeOf(() => new Receiving(varintDelimited({ maxFrameLength: 8 })).receive(Buffer.of(9)))).toBe(
      tooLarge,
    );
  });

  it('is 1 MiB unless told otherwise', () => {
    expect(decode(varintDelimited(), encode(varintDelimited(), Buffer.alloc(2 ** 20)))[0]).toHaveLength(
      2 ** 20,
    );
    expect(codeOf(() => encode(varintDelimited(), Buffer.alloc(2 ** 20 + 1)))).toBe(tooLarge);
    expect(codeOf(() => decode(varintDelimited(), hex('818040')))).toBe(tooLarge);
  });
});

describe('varintDelimited', () => {
  it('agrees with the size-delimited messages of @bufbuild/protobuf', () => {
    for (const size of [0, 1, 126, 127, 128, 300, 20_000]) {
      const { message, bytes } = create(size);
      const wire = Buffer.from(sizeDelimitedEncode(message));
      expect(encode(varintDelimited(), bytes)).toEqual(wire);
      expect(decode(varintDelimited(), wire)).toEqual([Buffer.from(bytes)]);
      expect(sizeDelimitedPeek(encode(varintDelimited(), bytes))).toMatchObject({ size: bytes.length });
    }
  });

  it('sends text as UTF-8, so that it carries JSON', () => {
    expect(encode(varintDelimited(), 'grü')).toEqual(Buffer.from('\x04grü'));
    expect(encode(json(varintDelimited()), { a: 1 }).toString()).toBe('\x07{"a":1}');
  });

  it('hands out views, not copies', () => {
    const queue = new ChunkQueue();
    const chunk = encode(varintDelimited(), 'abc', 'def');
    queue.push(chunk);
    const decoder = varintDelimited().decoder(codecContext());
    for (const text of ['abc', 'def']) {
      const frame = decoder.decode(queue) as Buffer;
      expect(frame.toString()).toBe(text);
      expect(frame.buffer).toBe(chunk.buffer);
    }
    expect(decoder.decode(queue)).toBe(NEED_MORE);
  });

  it.each([
    ['`maxFrameLength`', { maxFrameLength: 0 }],
    ['`maxFrameLength`', { maxFrameLength: 2 ** 60 }],
    ['`maxFrameLen`', { maxFrameLen: 10 }],
    ['`padded`', { padded: true }],
    ['the options', null],
  ])('refuses a configuration, naming %s: %j', (named, options) => {
    const error = thrownBy(() => varintDelimited(options as never));
    expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
    expect(error.message).toContain(named);
  });
});
