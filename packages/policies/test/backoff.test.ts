import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@pea2pea/core/testing';
import { peerErrorOf } from '@pea2pea/testing';
import { Backoff } from '../src/reconnect/backoff.js';

const SETTINGS = { minDelayMs: 100, maxDelayMs: 1_000, factor: 2, jitter: 0 };
const always = (share: number) => ({ next: () => share });
const delays = (backoff: Backoff, most = 6) =>
  Array.from({ length: most }, (_, index) => backoff.delayMs(index + 1));

describe('delays', () => {
  it('grow by the factor from the smallest to the largest, and stay there', () => {
    expect(delays(new Backoff(SETTINGS, always(0)))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('are the smallest where nothing has failed', () => {
    expect(new Backoff(SETTINGS, always(0)).delayMs(0)).toBe(100);
  });

  it('are all alike with a factor of 1', () => {
    expect(delays(new Backoff({ ...SETTINGS, factor: 1 }, always(0)), 3)).toEqual([100, 100, 100]);
  });

  it('stay at the largest when the power is beyond what a number holds', () => {
    expect(new Backoff({ ...SETTINGS, factor: 10 }, always(0)).delayMs(100_000)).toBe(1_000);
  });

  it('lose at most the share that is random', () => {
    const halves = { ...SETTINGS, jitter: 0.5 };
    expect(delays(new Backoff(halves, always(0)), 3)).toEqual([100, 200, 400]);
    expect(delays(new Backoff(halves, always(0.5)), 3)).toEqual([75, 150, 300]);
    const random = seededRandom(1);
    for (let round = 0; round < 1_000; round++) {
      const delayMs = new Backoff(halves, random).delayMs(2);
      expect(delayMs).toBeGreaterThanOrEqual(100);
      expect(delayMs).toBeLessThanOrEqual(200);
    }
  });

  it('are at least a millisecond, however much of them is random', () => {
    expect(new Backoff({ ...SETTINGS, jitter: 1 }, always(1 - 2 ** -32)).delayMs(1)).toBe(1);
  });
});

describe('settings that make no sense', () => {
  it.each([
    ['minDelayMs', { minDelayMs: 0 }],
    ['minDelayMs', { minDelayMs: Number.NaN }],
    ['minDelayMs', { minDelayMs: '1000' as never }],
    ['maxDelayMs', { maxDelayMs: 99 }],
    ['maxDelayMs', { maxDelayMs: 2 ** 31 }],
    ['factor', { factor: 0.5 }],
    ['factor', { factor: Infinity }],
    ['jitter', { jitter: -0.1 }],
    ['jitter', { jitter: 1.1 }],
  ])('are refused by name: %s %j', async (option, settings) => {
    const make = () => new Backoff({ ...SETTINGS, ...settings }, always(0));
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', make);
    expect(error.message).toContain(`\`${option}\``);
  });
});
