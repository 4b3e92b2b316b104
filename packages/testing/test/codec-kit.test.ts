import { describe, expect, it } from '@jest/globals';
import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, Codec, Decoder, NeedMore } from '@pea2pea/core';
import { bytes, json, lengthDelimited, lines } from '@pea2pea/codecs';
import { checkCodec, CODEC_FACTS, describeCodec } from '@pea2pea/testing';
import type { CheckOptions, CodecFinding } from '@pea2pea/testing';

const LIMIT = 100;
const SAMPLES = ['first', 'second one', '', 'x'.repeat(LIMIT)].map((text) => Buffer.from(text));
const framing = (max = LIMIT): Codec<Buffer, Uint8Array | string> => lengthDelimited({ maxFrameLength: max });
const OPTIONS: CheckOptions<Buffer, Uint8Array> = {
  maxFrameBytes: 4 + LIMIT,
  limit: { largest: Buffer.alloc(LIMIT), tooLarge: Buffer.alloc(LIMIT + 1), roomier: framing(1000) },
  timeoutMs: 10 * 60_000, // how fast the machine is decides nothing
};

/** A codec whose frames are those of {@link framing}, decoded in another way. */
function decodedBy(decoder: () => Decoder<Buffer>): Codec<Buffer, Uint8Array> {
  return { ...framing(), decoder };
}

function check(codec: Codec<Buffer, Uint8Array>): CodecFinding[] {
  return checkCodec(codec, SAMPLES, OPTIONS);
}

function factsOf(findings: CodecFinding[]): string[] {
  return [...new Set(findings.map(({ fact }) => fact))];
}

function plain(input: ByteQueue, limit = LIMIT): Buffer | NeedMore {
  if (input.length < 4) return NEED_MORE;
  const size = input.peekUInt(0, 4);
  if (size > limit) throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', 'too large');
  if (input.length < 4 + size) return NEED_MORE;
  input.skip(4);
  return input.read(size);
}

it('a codec that does everything right has no findings', () => {
  expect(check(framing())).toEqual([]);
  expect(check(decodedBy(() => ({ decode: (input) => plain(input) })))).toEqual([]);
});

it('what an encoder had written before it threw is taken back, as a connection does it', () => {
  const codec: Codec<Buffer, Uint8Array> = {
    ...framing(),
    encoder: () => ({
      encode(message, output) {
        output.writeUInt(message.length, 4);
        if (message.length > LIMIT) throw new TypeError('too much');
        output.write(message);
      },
    }),
  };
  expect(checkCodec(codec, SAMPLES, { unsendable: [Buffer.alloc(LIMIT + 1)] })).toEqual([]);
});

describe('a codec is found out that', () => {
  it('loops for ever', () => {
    const codec = decodedBy(() => ({
      decode(input) {
        // A length that the first byte may claim, and the loop that it never leaves.
        while (input.length > 0 && input.peek(0) > 0x80);
        return plain(input);
      },
    }));
    const findings = checkCodec(codec, SAMPLES, { ...OPTIONS, timeoutMs: 500 });
    expect(factsOf(findings)).toEqual(['ends']);
    expect(findings[0]!.detail).toContain('500 ms');
  });

  it('keeps a view of memory that it uses again', () => {
    const scratch = Buffer.alloc(LIMIT);
    const codec = decodedBy(() => ({
      decode(input) {
        const frame = plain(input);
        return frame === NEED_MORE ? NEED_MORE : scratch.subarray(0, frame.copy(scratch));
      },
    }));
    expect(factsOf(check(codec))).toEqual(['kept-messages']);
  });

  it('ignores the limit of what it receives', () => {
    const codec = decodedBy(() => ({ decode: (input) => plain(input, Infinity) }));
    expect(factsOf(check(codec)).sort()).toEqual(['bounded', 'limit-exceeded']);
  });

  it('ignores its limit, where nothing is told of it but the most that it may hold', () => {
    const codec = decodedBy(() => ({ decode: (input) => plain(input, Infinity) }));
    expect(factsOf(checkCodec(codec, SAMPLES, { maxFrameBytes: 4 + LIMIT }))).toEqual(['bounded']);
    expect(factsOf(checkCodec(codec, SAMPLES))).toEqual(['bounded']);
  });

  it('looks at the limit when all has arrived', () => {
    const codec = decodedBy(() => ({
      decode(input) {
        const frame = plain(input, Infinity);
        if (frame !== NEED_MORE && frame.length > LIMIT)
          throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', 'late');
        return frame;
      },
    }));
    expect(factsOf(check(codec))).toContain('limit-exceeded');
  });

  it('refuses what meets its limit', () => {
    const codec = decodedBy(() => ({ decode: (input) => plain(input, LIMIT - 1) }));
    expect(factsOf(check(codec))).toContain('limit-met');
  });

  it('ignores the limit of what it sends', () => {
    const codec: Codec<Buffer, Uint8Array> = { ...framing(), encoder: framing(1000).encoder };
    expect(factsOf(check(codec))).toEqual(['limit-exceeded']);
  });

  it('loses the tail of a chunk', () => {
    const codec = decodedBy(() => ({
      decode(input) {
        const frame = plain(input);
        if (frame !== NEED_MORE) input.skip(input.length);
        return frame;
      },
    }));
    const facts = factsOf(check(codec));
    expect(facts).toContain('one-chunk');
    expect(facts).not.toContain('round-trip');
    expect(facts).not.toContain('drip');
  });

  it('shares state between connections', () => {
    let awaited = 0;
    const shared: Decoder<Buffer> = {
      decode(input) {
        if (input.length < awaited) return NEED_MORE;
        awaited = 0;
        const frame = plain(input);
        if (frame === NEED_MORE && input.length >= 4) awaited = 4 + input.peekUInt(0, 4);
        return frame;
      },
    };
    expect(factsOf(check(decodedBy(() => shared)))).toEqual(['isolation']);
  });

  it('shares memory between connections', () => {
    let held = Buffer.alloc(0);
    const shared: Decoder<Buffer> = {
      decode(input) {
        held = Buffer.concat([held, input.read(input.length)]);
        if (held.length < 4 || held.length < 4 + held.readUInt32BE(0)) return NEED_MORE;
        const frame = held.subarray(4, 4 + held.readUInt32BE(0));
        held = held.subarray(4 + frame.length);
        return frame;
      },
    };
    expect(factsOf(check(decodedBy(() => shared)))).toContain('isolation');
  });

  it('throws a bare error', () => {
    const codec = decodedBy(() => ({
      decode(input) {
        const size = input.length < 4 ? 0 : input.peekUInt(0, 4);
        if (size > LIMIT) throw new TypeError('what is this?');
        return plain(input);
      },
    }));
    const findings = check(codec);
    expect(factsOf(findings)).toContain('peer-errors');
    expect(findings.find(({ fact }) => fact === 'peer-errors')).toMatchObject({
      detail: 'the decoder threw TypeError: what is this?',
      input: expect.stringMatching(/^([0-9a-f]{2})+$/) as unknown,
      seed: 1,
    });
  });

  it.each([
    ['undefined', () => undefined],
    ['a promise', () => Promise.reject(new Error('no'))],
  ])('returns %s', (_what, result) => {
    const codec = decodedBy(() => ({
      decode: (input) => (input.skip(input.length), result() as never),
    }));
    expect(factsOf(check(codec))).toContain('returns');
  });

  it('says that it holds a message, and has none', () => {
    const codec = decodedBy(() => ({ decode: (input) => plain(input), holds: () => true }));
    expect(check(codec)).toEqual([]);
  });

  it('answers a message without consuming a byte', () => {
    const codec = decodedBy(() => ({
      decode: (input) => (input.peek(0) === 0xff ? Buffer.alloc(0) : plain(input)),
    }));
    expect(factsOf(check(codec))).toContain('consumes');
  });

  it('makes a message of half a frame', () => {
    const codec = decodedBy(() => ({
      decode: (input) => plain(input),
      end: (input) => (input.length === 0 ? NEED_MORE : input.read(input.length)),
    }));
    expect(factsOf(check(codec))).toEqual(['truncated']);
    expect(check(codec)[0]!.detail).toMatch(/became a message$/);
  });

  it('swallows half a frame', () => {
    const codec = decodedBy(() => ({
      decode: (input) => plain(input),
      end: (input) => (input.skip(input.length), NEED_MORE),
    }));
    expect(factsOf(check(codec))).toEqual(['truncated']);
    expect(check(codec)[0]!.detail).toMatch(/vanished$/);
  });

  it('needs the next frame to complete one', () => {
    const codec = decodedBy(() => {
      let ready = false;
      return {
        decode(input) {
          if (!ready && input.length < 5) return NEED_MORE;
          ready = true;
          return plain(input);
        },
      };
    });
    expect(factsOf(check(codec))).toContain('round-trip');
  });

  it('gets confused where a frame is cut', () => {
    const codec = decodedBy(() => ({
      decode(input) {
        if (input.length === 3) input.skip(3);
        return plain(input);
      },
    }));
    const facts = factsOf(check(codec));
    expect(facts).toContain('any-split');
    expect(facts).toContain('drip');
    expect(facts).not.toContain('one-chunk');
  });

  it('counts messages that were not sent', () => {
    const codec: Codec<Buffer, Uint8Array> = {
      decoder: () => {
        let sequence = 0;
        return {
          decode(input) {
            const frame = plain(input);
            if (frame === NEED_MORE) return NEED_MORE;
            if (frame[0] !== sequence++ % 256) throw new PeerError('P2P_ERR_INVALID_FRAME', 'one is missing');
            return frame.subarray(1);
          },
        };
      },
      encoder: (context) => {
        const inner = framing().encoder(context);
        let sequence = 0;
        return {
          encode: (message, output) =>
            inner.encode(Buffer.concat([Buffer.of(sequence++ % 256), message]), output),
        };
      },
    };
    const samples = SAMPLES.slice(0, 3);
    expect(checkCodec(codec, samples)).toEqual([]);
    expect(factsOf(checkCodec(codec, samples, { unsendable: [Buffer.alloc(LIMIT)] }))).toEqual(['rollback']);
    const lying = { ...codec, statelessEncoder: true };
    expect(factsOf(checkCodec(lying, samples))).toEqual(['encodes-alike']);
  });
});

describe('checkCodec', () => {
  it('answers the same for the same seed', () => {
    const codec = decodedBy(() => ({ decode: (input) => plain(input, Infinity) }));
    expect(check(codec)).toEqual(check(codec));
    const seeded = checkCodec(codec, SAMPLES, { seed: 42 });
    expect(seeded.map(({ seed }) => seed)).toContain(42);
  });

  it('needs a sample', () => {
    expect(() => checkCodec(json(), [])).toThrow('give at least one');
  });

  it('takes another equality', () => {
    const looser = { equals: (received: unknown, sent: unknown) => String(received) === String(sent) };
    expect(factsOf(checkCodec(json<unknown>(), [NaN]))).toContain('round-trip');
    expect(factsOf(checkCodec(json<unknown>(), [1n], looser))).toContain('round-trip');
    expect(checkCodec(json<unknown>(), [[1], ['2']], looser)).toEqual([]);
  });

  it('compares bytes where messages may be merged, and boundaries where not', () => {
    expect(factsOf(checkCodec(bytes(), SAMPLES))).toContain('one-chunk');
    expect(checkCodec(bytes(), SAMPLES, { mergesMessages: true })).toEqual([]);
  });

  it('tells a last message without an end from a frame that was cut off', () => {
    const taking = lines({ unfinished: 'take' });
    expect(factsOf(checkCodec(taking, ['abc']))).toEqual(['truncated']);
    expect(checkCodec(taking, ['abc'], { endCompletes: true })).toEqual([]);
    expect(factsOf(checkCodec(lines({ unfinished: 'drop' }), ['abc']))).toEqual(['truncated']);
    expect(checkCodec(lines(), ['abc'])).toEqual([]);
  });
});

describe('describeCodec', () => {
  const run = (codec: Codec<Buffer, Uint8Array>) => {
    const tests = new Map<string, () => void>();
    const groups: string[] = [];
    const runner = {
      describe: (name: string, body: () => void) => (groups.push(name), body()),
      it: (name: string, body: () => void) => void tests.set(name, body),
    };
    describeCodec('mine', codec, SAMPLES, { ...OPTIONS, runner });
    return { tests, groups };
  };

  it('makes a group with a test for each fact', () => {
    const { tests, groups } = run(framing());
    expect(groups).toEqual(['mine']);
    expect([...tests.keys()]).toEqual(Object.values(CODEC_FACTS));
    for (const test of tests.values()) test();
  });

  it('fails the tests of the facts that do not hold, with seed and bytes', () => {
    const { tests } = run(decodedBy(() => ({ decode: (input) => plain(input, Infinity) })));
    expect(tests.get(CODEC_FACTS['round-trip'])).not.toThrow();
    expect(tests.get(CODEC_FACTS.bounded)).toThrow(
      /wants more; its limit is 104 \(seed 1, bytes [0-9a-f]+\)$/,
    );
  });

  it('says so where there is no runner', () => {
    const alone = { runner: {} as never };
    expect(() => describeCodec('mine', framing(), SAMPLES, alone)).toThrow('there is no test runner');
  });
});
