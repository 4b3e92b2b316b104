import { expect } from '@jest/globals';
import type { Codec } from '@pea2pea/core';
import type { CaseOptions, Suite } from '../harness/suite.js';
import { describe, float, ordered } from './described.js';
import { exchange } from './message-end.js';

type Register = (name: string, run: Suite['cases'][number]['run'], options?: CaseOptions) => void;

/** Whole numbers on both sides of every size that some type or format has. */
const SIGNED = [
  ...[
    0, 1, -1, 23, 24, 127, 128, -32, -33, -128, -129, 255, 256, 32_767, 32_768, -32_768, -32_769, 65_535,
    65_536,
  ],
  ...[2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1],
  ...[1_700_000_000_123, 2 ** 53 - 1, -(2 ** 53) + 1],
  ...[2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)],
];
const UNSIGNED = [...SIGNED.filter((value) => value >= 0), 2n ** 63n, 2n ** 64n - 1n];
const FLOATS = [1.5, -0.1, 1e300, 5e-324, 2 ** 53, 2 ** 64, 16_777_217.5, Infinity, -Infinity, NaN];
const TEXTS = [
  '',
  'a',
  'grüße',
  '漢字 and 🙂',
  '\0\u{10ffff}\ufeff',
  'x'.repeat(31),
  'x'.repeat(32),
  'ü'.repeat(40_000),
];
const BYTES = [0, 1, 255, 256, 70_000].map((size) => Buffer.alloc(size, 'abc\xff', 'latin1'));
const NESTED = [
  [],
  {},
  [[], [[]], [null, true, false]],
  { list: [1, 'two', { three: [3.5] }], map: { '': null, 'ü 🙂': { deep: { deeper: [Buffer.from('x')] } } } },
  Array.from({ length: 70_000 }, (_, index) => index),
  Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`key ${index}`, 150 - index])),
];
const KEYED = new Map([
  [1, 'a'],
  [-5, 'b'],
  [2 ** 40, 'c'],
]);
const RECORD = {
  int64: -1_700_000_000_123,
  uint64: 2n ** 64n - 1n,
  float64: 1.25,
  text: 'grüße 🙂',
  bytes: Buffer.from([0, 255]),
  flag: true,
  list: [1, 2 ** 40, -5],
  map: { a: 1, ü: 2 ** 33 },
  maybe: 'here',
};

/** Cases in which the other side has declared what it reads. */
const TYPED = new Set([
  'whole numbers of ours fit a float of 64 bits',
  'an optional field of ours may be null, undefined or left out',
]);

/**
 * What MessagePack and CBOR have in common.
 *
 * @param untyped the names of ends that read what comes
 * @param differing why ends fail, by the names of cases and ends
 */
export function binaryCases(
  test: Register,
  codec: () => Codec<unknown>,
  untyped: readonly string[],
  differing: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): void {
  const notWith = Object.fromEntries(untyped.map((end) => [end, 'programs declare no types']));
  const unused = new Set(Object.keys(differing));
  const add: Register = (name, run) => {
    const failsWith = differing[name];
    unused.delete(name);
    test(name, run, { ...(TYPED.has(name) && { notWith }), ...(failsWith !== undefined && { failsWith }) });
  };

  const arriveAs = (name: string, as: string, values: readonly unknown[], expected = describe): void => {
    add(name, async (bench) => {
      const { there } = await exchange(bench, codec(), { as });
      for (const value of values) {
        const [described, back] = await there(value);
        expect(ordered(described)).toEqual(ordered(expected(value)));
        expect(back).toEqual(value);
      }
    });
  };

  arriveAs('whole numbers of ours fit a signed integer of 64 bits, and come back', 'int64', SIGNED);
  arriveAs('whole numbers of ours fit an unsigned integer of 64 bits, and come back', 'uint64', UNSIGNED);
  arriveAs('whole numbers of ours are integers where no type is declared', 'any', [...SIGNED, ...UNSIGNED]);
  arriveAs('floats of ours fit a float of 64 bits, and come back', 'float64', FLOATS, (value) =>
    float(Number(value)),
  );
  arriveAs('whole numbers of ours fit a float of 64 bits', 'float64', [0, 5, -5, 2 ** 40], (value) =>
    float(Number(value)),
  );
  arriveAs('text, bytes, booleans and null of ours arrive, and come back', 'any', [
    ...TEXTS,
    ...BYTES,
    true,
    false,
    null,
  ]);
  arriveAs('lists and maps of ours arrive, and come back', 'any', NESTED);
  arriveAs('an object of ours fits a struct with a field of each type, and comes back', 'record', [RECORD]);

  const name = 'an optional field of ours may be null, undefined or left out';
  add(name, async (bench) => {
    const { there } = await exchange(bench, codec(), { as: 'record' });
    const { maybe: _, ...rest } = RECORD;
    for (const message of [{ ...rest, maybe: null }, { ...rest, maybe: undefined }, rest]) {
      const [described, back] = await there(message);
      expect(ordered(described)).toEqual(ordered(describe({ ...rest, maybe: null })));
      expect(back).toEqual({ ...rest, maybe: null });
    }
  });

  const arrivesHere = (
    fact: string,
    values: readonly (readonly [sent: unknown, received: unknown])[],
    as = 'any',
  ) => {
    add(fact, async (bench) => {
      const { send, next } = await exchange(bench, codec(), { as, itDials: true });
      await send(...values.map(([sent]) => sent));
      for (const [, received] of values) expect(await next()).toEqual(received);
    });
  };
  const alike = (values: readonly unknown[]) => values.map((value) => [describe(value), value] as const);

  arrivesHere(
    'its integers arrive as numbers where they are safe, else as BigInt',
    alike([...SIGNED, ...UNSIGNED]),
  );
  arrivesHere('its floats arrive, whole ones too', [
    ...FLOATS.map((value) => [float(value), value] as const),
    ...[0, 5, -5, 2 ** 40].map((value) => [float(value), value] as const),
  ]);
  arrivesHere('its text, bytes, booleans and null arrive', alike([...TEXTS, ...BYTES, true, false, null]));
  arrivesHere('its lists and maps arrive', alike(NESTED));
  arrivesHere('its maps with whole numbers as keys arrive as objects', [
    [describe(KEYED), { '1': 'a', '-5': 'b', [2 ** 40]: 'c' }],
  ]);

  const many = 'a thousand messages in one piece arrive there and here, in order';
  add(many, async (bench) => {
    const { connection, received, read, next } = await exchange(bench, codec());
    const messages = Array.from({ length: 1000 }, (_, index) => ({ index, text: 'x'.repeat(index % 300) }));
    const sent = Promise.all(messages.map((message) => connection.send(message)));
    for (const message of messages) {
      expect(ordered(await read())).toEqual(ordered(describe(message)));
      await next();
    }
    await sent;
    expect(received).toEqual(messages);
  });

  const halves = 'half of a surrogate pair of ours is U+FFFD there, in text and in keys';
  add(halves, async (bench) => {
    const { there } = await exchange(bench, codec());
    for (const half of ['\ud800', 'a\udc00b', `${'x'.repeat(70)}\ud83d`]) {
      const message = { [half]: [half] };
      const whole = { [half.toWellFormed()]: [half.toWellFormed()] };
      expect(await there(message)).toEqual([describe(whole), whole]);
    }
  });

  if (unused.size > 0) throw new Error(`there is no case ${[...unused].join(', ')}`);
}
