import { expect } from '@jest/globals';
import { cbor } from '@pea2pea/codecs/cbor';
import { until } from '@pea2pea/testing';
import { suite } from '../harness/suite.js';
import { binaryCases } from './binary.js';
import { cbor2, ciborium, fxamacker } from './ends.js';
import { float } from './described.js';
import { exchange } from './message-end.js';
import { datesThereAndBack, timesHere } from './times.js';

const codec = () => cbor();

/** Values that JavaScript has no type for: what the program is told to make, and the tag that it writes. */
const FOREIGN: Readonly<Record<string, readonly (readonly [made: unknown, tag: number])[]>> = {
  [fxamacker.name]: [
    [{ int: String(2n ** 64n) }, 2],
    [{ int: String(-(2n ** 64n) - 1n) }, 3],
    [{ tag: 37, value: { bytes: '00'.repeat(16) } }, 37],
  ],
  [ciborium.name]: [
    [{ int: String(2n ** 64n) }, 2],
    [{ int: String(-(2n ** 64n) - 1n) }, 3],
    [{ tag: 258, value: [] }, 258],
  ],
  [cbor2.name]: [
    [{ python: 'date' }, 1004],
    [{ python: 'uuid' }, 37],
    [{ python: 'set' }, 258],
    [{ python: 'decimal' }, 4],
    [{ python: '2^64' }, 2],
  ],
};

/** Half a second after a whole one, sent as each does without options. */
const HALF_PAST = { time: '1700000000500000000' };
const WITHOUT_OPTIONS: Readonly<Record<string, unknown>> = {
  [fxamacker.name]: 1_700_000_000,
  [cbor2.name]: new Date(1_700_000_000_500),
};

/** What becomes of undefined there. */
const UNDEFINED: Readonly<Record<string, readonly [described: unknown, back: unknown]>> = {
  [fxamacker.name]: [null, null],
  [ciborium.name]: [null, null],
  [cbor2.name]: ['a UndefinedType', undefined],
};

/** In frames of `lengthDelimited()`. */
export const cborSuite = suite('cbor', [fxamacker, ciborium, cbor2], (test) => {
  binaryCases(test, codec, [cbor2.name], {
    'whole numbers of ours fit a float of 64 bits': { [ciborium.name]: 'an `f64` takes no integer' },
  });

  test(
    'whole numbers of ours fit a float of 64 bits that takes integers, as docs/codecs.md says',
    async (bench) => {
      const as = bench.end === ciborium ? 'number' : 'float64';
      const { there } = await exchange(bench, codec(), { as });
      for (const value of [0, 5, -5, 2 ** 40, 1.5]) expect(await there(value)).toEqual([float(value), value]);
    },
    { notWith: { [cbor2.name]: 'programs declare no types' } },
  );

  test('dates of ours are times there, and come back', datesThereAndBack(codec, 'any'));
  test('times of its own are dates here, with the options that docs/codecs.md names', (bench) =>
    timesHere(codec, bench.end === cbor2 ? 'timestamps' : 'any')(bench));
  test(
    'times of its own without options are what docs/codecs.md says',
    async (bench) => {
      const { send, next } = await exchange(bench, codec(), { as: 'default-time' });
      await send(HALF_PAST);
      expect(await next()).toEqual(WITHOUT_OPTIONS[bench.end.name]);
    },
    { notWith: { [ciborium.name]: 'it has no type for a time' } },
  );

  test('values that JavaScript has no type for are refused, and their tag is named', async (bench) => {
    for (const [made, tag] of FOREIGN[bench.end.name]!) {
      const { send, reasons } = await exchange(bench, codec());
      await send(made);
      await until('the connection ends', () => reasons.length > 0);
      expect(reasons[0]).toContain(`holds the tag ${tag}; known are 0 and 1, a time`);
    }
  });

  test('undefined in an object of ours is what docs/codecs.md says', async (bench) => {
    const { there } = await exchange(bench, codec());
    const [described, back] = UNDEFINED[bench.end.name]!;
    expect(await there({ maybe: undefined })).toEqual([{ map: [['maybe', described]] }, { maybe: back }]);
  });
});
