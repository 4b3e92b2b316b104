import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { checksummed, json, lengthDelimited, mapCodec, varintDelimited } from '@pea2pea/codecs';
import { codeOf, decode, drops, encode, Receiving } from './drive.js';

// Bytes of protocols as their specifications have them: what is read is written again, byte for byte.
const invalidFrame = 'P2P_ERR_INVALID_FRAME';
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3: the length counts the unit identifier and what follows. */
const modbus = lengthDelimited({
  lengthFieldOffset: 4,
  lengthFieldLength: 2,
  lengthAdjustment: 6,
  numSkip: 0,
  maxFrameLength: 254,
});

/** PostgreSQL 17, 53.2.1 and 53.7: a type, then a length that counts itself. */
const postgres = lengthDelimited({ lengthFieldOffset: 1, lengthAdjustment: 1, numSkip: 0 });

/** PostgreSQL 17, 53.7: the first message of a client has no type. */
const postgresStartup = lengthDelimited({ lengthAdjustment: -4, maxFrameLength: 10_000 });

/** MQTT 3.1.1, 2.2.3: a byte, then the remaining length in one to four bytes. */
const mqtt = varintDelimited({ offset: 1, maxVarintLength: 4, maxFrameLength: 268_435_455 });

/** The Bitcoin wiki, Protocol documentation, Message structure. */
const bitcoin = checksummed(
  lengthDelimited({
    magic: hex('f9beb4d9'),
    lengthFieldOffset: 16,
    endianness: 'little',
    lengthAdjustment: 24,
    numSkip: 0,
    maxFrameLength: 4_000_000,
  }),
  { offset: 20, compute: (payload) => sha256(sha256(payload)) },
);

/** RFC 4271, 4.1: a marker of ones, and a length that counts all. */
const bgp = lengthDelimited({
  magic: Buffer.alloc(16, 0xff),
  lengthFieldLength: 2,
  lengthAdjustment: -18,
  maxFrameLength: 4_096,
});

/** PNG (third edition), 5.3: the length counts the data alone, the CRC covers type and data. */
const pngChunks = checksummed(lengthDelimited({ lengthAdjustment: 12, numSkip: 0 }), {
  from: 4,
  compute: crc32,
});

describe.each([
  [
    'Modbus TCP',
    modbus,
    ['00 01 00 00 00 06 11 03 00 6b 00 03', '00 01 00 00 00 09 11 03 06 02 2b 00 00 00 64'],
  ],
  ['PostgreSQL', postgres, ['51 0000000d 73656c656374203100', '5a 00000005 49', '58 00000004']],
  [
    'the beginning of PostgreSQL',
    postgresStartup,
    ['00000008 04d2162f', '00000013 00030000 75736572 00 616e6e 00 00 00'],
  ],
  [
    'MQTT',
    mqtt,
    ['10 10 0004 4d515454 04 02 003c 0004 74657374', '20 02 00 00', '30 07 0003 612f62 6869', 'c0 00'],
  ],
  [
    'Bitcoin',
    bitcoin,
    [
      'f9beb4d9 76657261636b000000000000 00000000 5df6e0e2',
      `f9beb4d9 616464720000000000000000 1f000000 ed52399b
       01 e215104d 0100000000000000 00000000000000000000ffff0a000001 208d`,
    ],
  ],
  ['BGP', bgp, [`${'ff'.repeat(16)} 0013 04`]],
  ['PNG', pngChunks, ['00000000 49454e44 ae426082']],
] as const)('%s', (_name, codec, frames) => {
  const wire = Buffer.concat(frames.map(hex));

  it('is cut into its frames, and written as it was read', () => {
    const messages = decode(codec, wire);
    expect(messages).toHaveLength(frames.length);
    expect(encode(codec, ...messages)).toEqual(wire);
    expect(decode(codec, ...drops(wire)).map(String)).toEqual(messages.map(String));
  });

  it('ends in order between two frames alone', () => {
    const ends = frames.map((_, index) => Buffer.concat(frames.slice(0, index + 1).map(hex)).length);
    for (let at = 1; at < wire.length; at++) {
      const code = codeOf(() => decode(codec, wire.subarray(0, at)));
      expect([at, code]).toEqual([at, ends.includes(at) ? undefined : 'P2P_ERR_TRUNCATED_FRAME']);
    }
  });
});

describe('heads that are filled in', () => {
  it('a length and a checksum need not be set, whatever stands in their place', () => {
    const verack = Buffer.concat([
      Buffer.alloc(4, 'x'),
      Buffer.from('verack'),
      Buffer.alloc(14, 'y').fill(0, 0, 6),
    ]);
    expect(encode(bitcoin, verack)).toEqual(hex('f9beb4d9 76657261636b000000000000 00000000 5df6e0e2'));
    expect(encode(modbus, hex('0001 0000 ffff 11 03 006b 0003'))).toEqual(
      hex('0001 0000 0006 11 03 006b 0003'),
    );
    expect(encode(postgres, 'Q....select 1\0')).toEqual(hex('51 0000000d 73656c656374203100'));
  });

  it('a PNG chunk is a type and its data, as soon as a map says so', () => {
    const chunks = mapCodec(pngChunks, {
      decode: (chunk) => ({ type: chunk.toString('latin1', 4, 8), data: chunk.subarray(8) }),
      encode: ({ type, data }: { type: string; data: Uint8Array }) =>
        Buffer.concat([Buffer.alloc(4), Buffer.from(type), data]),
    });
    const wire = encode(
      chunks,
      { type: 'IEND', data: Buffer.alloc(0) },
      { type: 'tEXt', data: Buffer.from('a') },
    );
    expect(wire.subarray(0, 12)).toEqual(hex('00000000 49454e44 ae426082'));
    expect(decode(chunks, wire)[1]).toEqual({ type: 'tEXt', data: Buffer.from('a') });
  });

  it('the remaining lengths of MQTT are those of its table 2.4', () => {
    for (const [size, length] of [
      [127, '7f'],
      [128, '8001'],
      [16_383, 'ff7f'],
      [16_384, '808001'],
      [2_097_151, 'ffff7f'],
    ] as const) {
      const wire = encode(mqtt, Buffer.alloc(size + 1, 0x30));
      expect(wire.subarray(1, 1 + length.length / 2).toString('hex')).toBe(length);
    }
    expect(codeOf(() => new Receiving(mqtt).receive(hex('30 ffffffff')))).toBe(invalidFrame);
    expect(new Receiving(mqtt).receive(hex('30 ffffff7f'))).toEqual([]);
  });

  it('a length that does not cover its own head is refused', () => {
    expect(codeOf(() => decode(postgres, hex('51 00000003')))).toBe(invalidFrame);
    expect(codeOf(() => decode(postgresStartup, hex('00000003')))).toBe(invalidFrame);
    expect(codeOf(() => decode(bgp, hex(`${'ff'.repeat(16)} 0011 04`)))).toBe(invalidFrame);
  });
});

describe('a checksum', () => {
  const plain = checksummed(lengthDelimited(), { compute: crc32 });

  it('comes after the message, which does not contain it', () => {
    expect(encode(plain, '123456789').toString('hex')).toBe(
      `0000000d${Buffer.from('123456789').toString('hex')}cbf43926`,
    );
    expect(decode(plain, encode(plain, '123456789', '')).map(String)).toEqual(['123456789', '']);
  });

  it.each([
    ['after the message', plain, 'hello'],
    ['in the head', bitcoin, Buffer.alloc(30)],
    [
      'over the length, too',
      checksummed(lengthDelimited({ numSkip: 0, lengthAdjustment: 8 }), { compute: crc32 }),
      '....hello',
    ],
  ] as const)('finds every flipped bit of what it covers: %s', (_where, codec, message) => {
    const wire = encode(codec, message);
    expect(decode(codec, wire)).toHaveLength(1);
    const from = codec === bitcoin ? 20 : 4;
    for (let bit = from * 8; bit < wire.length * 8; bit++) {
      const wrong = Buffer.from(wire);
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      expect(codeOf(() => decode(codec, wrong))).toBe(invalidFrame);
    }
  });

  it('in what it covers counts as zeros, and is in the message as it came', () => {
    const codec = checksummed(lengthDelimited(), {
      offset: 2,
      from: 0,
      size: 2,
      compute: (bytes) => bytes.readUInt16BE(2) * 256 + bytes.length,
    });
    const wire = encode(codec, 'ab??cd');
    expect(wire.toString('latin1')).toBe('\0\0\0\x06ab\0\x06cd');
    expect(decode(codec, wire).map((message) => message.toString('latin1'))).toEqual(['ab\0\x06cd']);
  });

  it('may be any number of bytes, in both byte orders, signed or not', () => {
    const sum = (size: number, endianness: 'big' | 'little', value: number) =>
      encode(
        checksummed(lengthDelimited({ lengthFieldLength: 1 }), { size, endianness, compute: () => value }),
        '',
      ).toString('hex');
    expect(sum(2, 'big', 0x1234)).toBe('021234');
    expect(sum(2, 'little', 0x1234)).toBe('023412');
    expect(sum(4, 'big', -2)).toBe('04fffffffe');
    expect(sum(8, 'big', Number.MAX_SAFE_INTEGER)).toBe('08001fffffffffffff');
    expect(codeOf(() => sum(2, 'big', 70_000))).toBe('P2P_ERR_BAD_DECODER');
    expect(codeOf(() => sum(2, 'big', -2))).toBe('P2P_ERR_BAD_DECODER');
  });

  it('that is computed wrongly is not the fault of the peer', () => {
    for (const compute of [
      () => undefined,
      () => 1.5,
      () => Promise.reject(new Error('late')),
      () => Buffer.alloc(3),
    ]) {
      const codec = checksummed(lengthDelimited(), { compute: compute as never });
      expect(codeOf(() => decode(codec, encode(plain, 'hello')))).toBe('P2P_ERR_BAD_DECODER');
    }
  });

  it('needs its bytes, and is not sent with a message that is too short for it', () => {
    expect(codeOf(() => decode(plain, '\0\0\0\x03abc'))).toBe(invalidFrame);
    expect(codeOf(() => encode(bitcoin, Buffer.alloc(23)))).toBe(invalidFrame);
    expect(codeOf(() => encode(checksummed(lengthDelimited(), { from: 2, compute: crc32 }), 'a'))).toBe(
      invalidFrame,
    );
    const kept = checksummed(lengthDelimited({ numSkip: 0, lengthAdjustment: 8 }), { compute: crc32 });
    expect(codeOf(() => encode(kept, 'abc'))).toBe(invalidFrame);
  });

  it('stacks, and carries messages', () => {
    const twice = checksummed(
      checksummed(lengthDelimited({ numSkip: 0, lengthAdjustment: 12 }), { compute: crc32 }),
      {
        compute: (bytes) => sha256(bytes),
      },
    );
    const [received] = decode(twice, encode(twice, '....hello'));
    expect(received!.toString('latin1')).toBe('\0\0\0\x05hello');
    const messages = json<{ a: number }>(plain);
    expect(decode(messages, encode(messages, { a: 1 }))).toEqual([{ a: 1 }]);
  });

  it.each([
    ['`compute`', {}],
    ['`size`', { size: 0, compute: crc32 }],
    ['`offset`', { offset: -1, compute: crc32 }],
    ['`from`', { offset: 4, from: 5, compute: crc32 }],
    ['`endianness`', { endianness: 'middle', compute: crc32 }],
    ['`at`', { at: 4, compute: crc32 }],
  ])('refuses a configuration, naming %s: %j', (named, options) => {
    expect(() => checksummed(lengthDelimited(), options as never)).toThrow(named);
  });
});
