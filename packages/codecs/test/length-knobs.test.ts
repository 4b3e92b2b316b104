import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lengthDelimited, varintDelimited, type LengthDelimitedOptions } from '@pea2pea/codecs';
import { codeOf, decode, drops, encode, Receiving, thrownBy } from './drive.js';

/** A failure prints its seed and path; `PROPERTY_SEED=… npm run jest` repeats it. */
const seed = Number(process.env.PROPERTY_SEED ?? Date.now() % 2 ** 31);
const invalidFrame = 'P2P_ERR_INVALID_FRAME';
const tooLarge = 'P2P_ERR_FRAME_TOO_LARGE';
const LIMIT = 60;
const hex = (bytes: Buffer): string => bytes.toString('hex');

type Knobs = Required<Omit<LengthDelimitedOptions, 'magic' | 'borrowed'>> & { magic: Uint8Array | undefined };

const knobs: fc.Arbitrary<Knobs> = fc
  .record({
    magicLength: fc.integer({ min: 0, max: 3 }),
    gap: fc.integer({ min: 0, max: 3 }),
    lengthFieldLength: fc.integer({ min: 1, max: 8 }),
    endianness: fc.constantFrom('big', 'little'),
    lengthAdjustment: fc.integer({ min: -12, max: 12 }),
    numSkip: fc.integer({ min: 0, max: 16 }),
  })
  .map(({ magicLength, gap, ...rest }) => ({
    ...rest,
    maxFrameLength: LIMIT,
    lengthFieldOffset: magicLength + gap,
    magic: magicLength === 0 ? undefined : Buffer.alloc(magicLength, 0xab),
  }));

/** The frame of a message, by laying one byte after the other; undefined where there is none. */
function frameOf(given: Knobs, message: Uint8Array): Buffer | undefined {
  const { numSkip, lengthAdjustment, lengthFieldOffset, lengthFieldLength, maxFrameLength } = given;
  const frame = Buffer.concat([Buffer.alloc(numSkip), message]);
  let declared = message.length - lengthAdjustment;
  if (declared < 0 || declared > maxFrameLength) return undefined;
  if (frame.length < lengthFieldOffset + lengthFieldLength) return undefined;
  Buffer.from(given.magic ?? []).copy(frame);
  for (let index = 0; index < lengthFieldLength; index++) {
    const place = given.endianness === 'big' ? lengthFieldLength - 1 - index : index;
    frame[lengthFieldOffset + place] = declared % 256;
    declared = Math.floor(declared / 256);
  }
  return frame;
}

/** The message of the first frame in `stream`, read the same way. */
function messageOf(given: Knobs, stream: Buffer): Buffer | 'refused' | 'incomplete' {
  const { numSkip, lengthAdjustment, lengthFieldOffset, lengthFieldLength, maxFrameLength } = given;
  const head = lengthFieldOffset + lengthFieldLength;
  const magic = Buffer.from(given.magic ?? []);
  const seen = stream.subarray(0, magic.length);
  if (!seen.equals(magic.subarray(0, seen.length))) return 'refused';
  if (stream.length < head) return 'incomplete';
  const field = [...stream.subarray(lengthFieldOffset, head)];
  if (given.endianness === 'little') field.reverse();
  const declared = field.reduce((value, byte) => value * 256 + byte, 0);
  const end = numSkip + declared + lengthAdjustment;
  if (declared > maxFrameLength || end < Math.max(head, numSkip)) return 'refused';
  return stream.length < end ? 'incomplete' : stream.subarray(numSkip, end);
}

const codecOf = ({ magic, ...given }: Knobs) =>
  lengthDelimited(magic === undefined ? given : { ...given, magic });

describe('lengthDelimited with any knobs', () => {
  it('writes what the layout says, and reads it as it was, its head filled in', () => {
    const property = fc.property(
      knobs,
      fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      (given, messages, at) => {
        const codec = codecOf(given);
        const frames = messages.map((message) => frameOf(given, message));
        for (const [index, message] of messages.entries()) {
          const copy = Buffer.from(message);
          const code = codeOf(() => encode(codec, message));
          expect(code === undefined).toBe(frames[index] !== undefined);
          if (code === undefined) expect(hex(encode(codec, message))).toBe(hex(frames[index]!));
          expect(copy.equals(message)).toBe(true); // what was given to send is not written to
        }
        const sent = messages.filter((_, index) => frames[index] !== undefined);
        const wire = encode(codec, ...sent);
        const received = frames.flatMap((frame) =>
          frame === undefined ? [] : [frame.subarray(given.numSkip)],
        );
        const cut = at % (wire.length + 1);
        const chunks = [wire.subarray(0, cut), wire.subarray(cut)].filter(({ length }) => length > 0);
        expect(decode(codec, ...chunks).map(hex)).toEqual(received.map(hex));
        expect(decode(codec, ...drops(wire)).map(hex)).toEqual(received.map(hex));
        expect(hex(encode(codec, ...received))).toBe(hex(wire));
      },
    );
    fc.assert(property, { seed, numRuns: 250 });
  });

  it('reads, waits and refuses where the layout says so', () => {
    const stream = fc.array(fc.oneof(fc.constantFrom(0, 0xab, 5, 20), fc.nat(255)), { maxLength: 60 });
    const property = fc.property(knobs, stream, fc.boolean(), (given, bytes, begins) => {
      const wire = Buffer.from(bytes);
      if (begins) Buffer.from(given.magic ?? []).copy(wire);
      let rest = wire;
      const expected: Buffer[] = [];
      let outcome = messageOf(given, rest);
      for (; typeof outcome !== 'string'; outcome = messageOf(given, rest)) {
        expected.push(outcome);
        rest = rest.subarray(given.numSkip + outcome.length);
      }
      for (const chunks of [[wire], drops(wire)]) {
        const receiving = new Receiving(codecOf(given));
        const received: Buffer[] = [];
        const code = codeOf(() => {
          for (const chunk of chunks) if (chunk.length > 0) received.push(...receiving.receive(chunk));
        });
        expect(code !== undefined).toBe(outcome === 'refused');
        if (code === undefined) expect(receiving.left).toBe(rest.length);
        if (chunks.length !== 1 || code === undefined) expect(received.map(hex)).toEqual(expected.map(hex));
      }
    });
    fc.assert(property, { seed, numRuns: 600 });
  });

  it('begins with its magic bytes, or is refused with the first that is another', () => {
    const codec = lengthDelimited({ magic: Buffer.of(0xfe, 0xed), lengthFieldLength: 1 });
    expect(encode(codec, 'hi').toString('latin1')).toBe('\xfe\xed\x02hi');
    expect(decode(codec, '\xfe\xed\x02hi').map(String)).toEqual(['hi']);
    expect(new Receiving(codec).receive(Buffer.of(0xfe))).toEqual([]);
    expect(codeOf(() => new Receiving(codec).receive(Buffer.of(0xff)))).toBe(invalidFrame);
    expect(codeOf(() => new Receiving(codec).receive(Buffer.of(0xfe, 0xee)))).toBe(invalidFrame);
    expect(codeOf(() => decode(codec, '\xfe\xed\x02hi\xfe\xef'))).toBe(invalidFrame);
  });

  it('keeps a copy of its magic bytes', () => {
    const magic = Buffer.from('AB');
    const codec = lengthDelimited({ magic, lengthFieldLength: 1 });
    magic.fill('x');
    expect(encode(codec, 'hi').toString('latin1')).toBe('AB\x02hi');
  });

  it('sends text with a head that is kept, and passes large payloads on by reference', () => {
    const codec = lengthDelimited({ lengthFieldOffset: 1, lengthAdjustment: 1, numSkip: 0 });
    expect(encode(codec, 'Q....grü').toString('latin1')).toBe('Q\0\0\0\x08gr\xc3\xbc');
    const large = Buffer.alloc(100_000, 'x');
    expect(decode(codec, encode(codec, large))[0]).toHaveLength(100_000);
    expect(large.equals(Buffer.alloc(100_000, 'x'))).toBe(true);
    for (const short of ['', 'Q', 'Q123']) expect(codeOf(() => encode(codec, short))).toBe(invalidFrame);
  });

  it.each([
    ['`magic`', { magic: 'AB' }],
    ['`magic`', { magic: Buffer.alloc(0) }],
    ['`magic`', { magic: Buffer.alloc(3), lengthFieldOffset: 2 }],
    ['`lengthFieldOffset`', { lengthFieldOffset: 2 ** 20 }],
    ['`numSkip`', { numSkip: 2 ** 20 }],
  ])('refuses a configuration, naming %s: %j', (named, options) => {
    const error = thrownBy(() => lengthDelimited(options as never));
    expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
    expect(error.message).toContain(named);
  });
});

describe('varintDelimited with an offset', () => {
  it('takes the length out of the message, wherever the network cuts', () => {
    const sizes = fc.oneof(fc.nat(3), fc.constantFrom(126, 127, 128, 300, 16_383, 16_384));
    const property = fc.property(
      fc.nat(4),
      fc.array(sizes, { minLength: 1, maxLength: 4 }),
      fc.nat(),
      (offset, lengths, at) => {
        const codec = varintDelimited({ offset });
        const messages = lengths.map((length, index) =>
          Buffer.concat([Buffer.alloc(offset, 0xf0 + index), Buffer.alloc(length, index)]),
        );
        const plain = messages.map((message) => encode(varintDelimited(), message.subarray(offset)));
        const wire = encode(codec, ...messages);
        expect(hex(wire)).toBe(
          hex(Buffer.concat(plain.flatMap((frame, index) => [messages[index]!.subarray(0, offset), frame]))),
        );
        const cut = at % (wire.length + 1);
        const chunks = [wire.subarray(0, cut), wire.subarray(cut)].filter(({ length }) => length > 0);
        expect(decode(codec, ...chunks).map(hex)).toEqual(messages.map(hex));
        if (wire.length < 1_000) expect(decode(codec, ...drops(wire)).map(hex)).toEqual(messages.map(hex));
      },
    );
    fc.assert(property, { seed, numRuns: 200 });
  });

  it('a message is a view that no other message shares', () => {
    const codec = varintDelimited({ offset: 2 });
    const messages = decode(codec, encode(codec, 'abcd', 'efgh', 'ijkl'));
    expect(messages.map(String)).toEqual(['abcd', 'efgh', 'ijkl']);
  });

  it('has the limits of the length: its bytes, and its value', () => {
    const codec = varintDelimited({ offset: 1, maxVarintLength: 2, maxFrameLength: 1_000_000 });
    expect(decode(codec, encode(codec, Buffer.alloc(16_384)))[0]).toHaveLength(16_384);
    expect(codeOf(() => encode(codec, Buffer.alloc(16_385)))).toBe(tooLarge);
    expect(codeOf(() => new Receiving(codec).receive(Buffer.of(0x30, 0xff, 0xff)))).toBe(invalidFrame);
    expect(codeOf(() => encode(codec, ''))).toBe(invalidFrame);
    expect(codeOf(() => decode(varintDelimited({ offset: 1, maxFrameLength: 5 }), '\x30\x06'))).toBe(
      tooLarge,
    );
  });

  it.each([
    ['`offset`', { offset: -1 }],
    ['`offset`', { offset: 5_000 }],
    ['`maxVarintLength`', { maxVarintLength: 0 }],
    ['`maxVarintLength`', { maxVarintLength: 10 }],
    ['`maxVarintLength`', { maxVarintLength: 11, padded: 'take' }],
  ])('refuses a configuration, naming %s: %j', (named, options) => {
    const error = thrownBy(() => varintDelimited(options as never));
    expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
    expect(error.message).toContain(named);
  });
});
