import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Codec } from '@pea2pea/core';
import { compressed, delimiter, json, lengthDelimited, lines, varintDelimited } from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { checkCodec } from '@pea2pea/testing';
import type { CheckOptions } from '@pea2pea/testing';
import { codeOf, decode, encode } from './drive.js';

/** A failure prints its seed and path; `PROPERTY_SEED=… npm run jest` repeats it. */
const seed = Number(process.env.PROPERTY_SEED ?? Date.now() % 2 ** 31);
const payloads = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 5 });
const line = fc.string({ unit: 'grapheme', maxLength: 50 }).filter((text) => !/\n|\r$/.test(text));
const values = fc.array(fc.jsonValue({ maxDepth: 4 }).filter(survives), { minLength: 1, maxLength: 5 });

/** JSON has one zero, and the binary formats rename a key that objects treat in their own way. */
function survives(value: unknown): boolean {
  const text = JSON.stringify(value);
  return !text.includes('__proto__') && !hasNegativeZero(value);
}

function hasNegativeZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(hasNegativeZero);
  return Object.is(value, -0);
}

function holds<T>(
  samples: fc.Arbitrary<T[]>,
  codec: Codec<unknown, T>,
  options: CheckOptions<unknown, T> = {},
): void {
  const property = fc.property(samples, fc.nat(), (drawn, runSeed) => {
    expect(checkCodec(codec, drawn, { ...options, seed: runSeed, runs: 5 })).toEqual([]);
  });
  fc.assert(property, { seed, numRuns: 25 });
}

it.each([
  ['lengthDelimited()', lengthDelimited()],
  ['varintDelimited()', varintDelimited()],
  ['compressed()', compressed(varintDelimited())],
])('whatever bytes are sent, %s does what every codec must', (_name, codec) => {
  holds<Uint8Array>(payloads, codec);
});

it.each([
  ['json()', json(), {}],
  ['json(lines())', json(lines()), {}],
  ['msgpack()', msgpack(), {}],
  ['cbor()', cbor(), {}],
])('whatever values are sent, %s does what every codec must', (_name, codec, options) => {
  holds<unknown>(values, codec, options);
});

it('whatever lines are sent, lines() does what every codec must', () => {
  holds(fc.array(line, { minLength: 1, maxLength: 5 }), lines());
});

it('a delimiter takes exactly the payloads that arrive as they were, whatever overlaps', () => {
  // Two letters only: everything overlaps all the time.
  const letters = (minLength: number, maxLength: number) =>
    fc.array(fc.constantFrom('a', 'b'), { minLength, maxLength }).map((list) => list.join(''));
  const property = fc.property(letters(1, 5), letters(0, 12), (sequence, payload) => {
    const codec = delimiter(sequence);
    const arrivesWhole = (payload + sequence).indexOf(sequence) === payload.length;
    expect(codeOf(() => encode(codec, payload))).toBe(arrivesWhole ? undefined : 'P2P_ERR_INVALID_FRAME');
    if (arrivesWhole)
      expect(decode(codec, encode(codec, payload, payload)).map(String)).toEqual([payload, payload]);
  });
  fc.assert(property, { seed, numRuns: 2000 });
});

it('a delimiter cuts a stream where split() would, however it comes', () => {
  const stream = fc.array(fc.constantFrom('a', 'b'), { maxLength: 60 }).map((list) => list.join(''));
  const property = fc.property(
    fc.constantFrom('a', 'ab', 'aa', 'aba', 'aab', 'abab'),
    stream,
    fc.nat(),
    (sequence, text, at) => {
      const parts = text.split(sequence);
      if (parts.at(-1) === '') parts.pop();
      const cut = at % (text.length + 1);
      const chunks = [Buffer.from(text.slice(0, cut)), Buffer.from(text.slice(cut))];
      expect(decode(delimiter(sequence, { unfinished: 'take' }), ...chunks).map(String)).toEqual(parts);
    },
  );
  fc.assert(property, { seed, numRuns: 2000 });
});
