import { expect } from '@jest/globals';
import type { Codec } from '@pea2pea/core';
import type { Bench } from '../harness/suite.js';
import { describe, ordered } from './described.js';
import { exchange } from './message-end.js';

const TIMES = [
  ...['1970-01-01T00:00:00Z', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05.678Z'],
  ...['2038-01-19T03:14:08Z', '2106-02-07T06:28:16Z', '2200-12-31T23:59:59.999Z', '1969-12-31T23:59:59Z'],
].map((text) => new Date(text));

/** Dates of ours are times there, and come back as dates. */
export function datesThereAndBack(codec: () => Codec<unknown>, as: string) {
  return async (bench: Bench): Promise<void> => {
    const { there } = await exchange(bench, codec(), { as });
    for (const time of TIMES) {
      const [described, back] = await there(time);
      expect([ordered(described), back]).toEqual([ordered(describe(time)), time]);
    }
    expect((await there([TIMES]))[1]).toEqual([TIMES]);
  };
}

/** Times of its own are dates here. */
export function timesHere(codec: () => Codec<unknown>, as: string) {
  return async (bench: Bench): Promise<void> => {
    const { send, next } = await exchange(bench, codec(), { as });
    await send(...TIMES.map(describe));
    for (const time of TIMES) expect(await next()).toEqual(time);
  };
}
