import { describe, expect, it } from '@jest/globals';
import { delimiter, lengthDelimited, lines } from '@pea2pea/codecs';
import { checkCodec } from '@pea2pea/testing';
import { PeerError, type Codec } from '@pea2pea/core';
import { hostileValues } from '@pea2pea/testing';

describe.each(hostileValues().filter(([name]) => name !== 'nothing'))('%s', (_name, make) => {
  it('as an option of a codec is refused in one short line, and no code of it runs', () => {
    const { value, calls } = make();
    const wrong = value as never;
    for (const call of [
      () => lengthDelimited({ maxFrameLength: wrong }),
      () => lengthDelimited({ endianness: wrong }),
      () => lines({ unfinished: wrong }),
      () => delimiter('x', { maxLength: wrong }),
    ]) {
      const error = thrownBy(call);
      // As `undefined`, null means the default.
      if (value === null && error === undefined) continue;
      expect(PeerError.is(error, 'P2P_ERR_INVALID_CONFIG')).toBe(true);
      expect((error as PeerError).message).toMatch(/^.{1,700}$/);
      expect((error as PeerError).message).not.toContain('secret');
    }
    expect(calls()).toBe(0);
  });

  it('that a decoder throws is a finding of the conformance kit, in one short line', () => {
    const { value, calls } = make();
    const inner = lines();
    const codec: Codec<string> = {
      ...inner,
      decoder: () => ({
        decode() {
          throw value;
        },
      }),
    };
    const details = checkCodec(codec, ['hello']).map(({ detail }) => detail);
    expect(details.join()).toMatch(/the decoder threw|what was sent is refused/);
    for (const detail of details) {
      expect(detail).toMatch(/^.{1,700}$/);
      expect(detail).not.toContain('secret');
    }
    expect(calls()).toBe(0);
  });
});

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
