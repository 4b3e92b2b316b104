import { describe, expect, it } from '@jest/globals';
import { StallWatch } from '@pea2pea/core/internal';

const KIB = 1024;
const TIMEOUT_MS = 10_000;

/**
 * A peer that takes `bytesPerSecond` through a system that tells of room in pieces of `burst`, looked at once a second:
 * when it was given up, if it was.
 */
function givenUpAt(
  { bytesPerSecond, burst, first = burst }: { bytesPerSecond: number; burst: number; first?: number },
  seconds: number,
): number | undefined {
  const watch = new StallWatch();
  let taken = first;
  let room = 0;
  for (let second = 1; second <= seconds; second++) {
    room += bytesPerSecond;
    for (; room >= burst; room -= burst) taken += burst;
    if (watch.stalledForMs(second * 1_000, second * 1_000, taken) >= TIMEOUT_MS) return second;
  }
  return undefined;
}

describe('a watch over the progress of writes', () => {
  it.each([16, 64, 256, 700, 1_000, 1_365, 1_500])(
    'spares a peer that takes 30 KiB a second, though the system tells of it in bursts of %p KiB',
    (burst) => {
      expect(givenUpAt({ bytesPerSecond: 30 * KIB, burst: burst * KIB }, 600)).toBeUndefined();
    },
  );

  it.each([256, 700, 1_365])('gives one up that takes 20 KiB a second in bursts of %p KiB', (burst) => {
    expect(givenUpAt({ bytesPerSecond: 20 * KIB, burst: burst * KIB }, 600)).toBeDefined();
  });

  it('gives one up that takes nothing: after the timeout where little is under way, after six times it at most', () => {
    const dead = { bytesPerSecond: 0, burst: 1 };
    expect(givenUpAt({ ...dead, first: 0 }, 600)).toBeLessThanOrEqual(12);
    expect(givenUpAt({ ...dead, first: 256 * KIB }, 600)).toBeLessThanOrEqual(12);
    expect(givenUpAt({ ...dead, first: 512 * KIB }, 600)).toBeLessThanOrEqual(22);
    expect(givenUpAt({ ...dead, first: 10 ** 10 }, 600)).toBeLessThanOrEqual(62);
    expect(givenUpAt({ ...dead, first: 10 ** 10 }, 600)).toBeGreaterThan(12);
  });

  it('counts a burst once: the stall after a small one is short again', () => {
    const watch = new StallWatch();
    let taken = 1_536 * KIB;
    const look = (second: number): number => watch.stalledForMs(second * 1_000, second * 1_000, taken);
    look(0);
    expect(look(30)).toBe(5_000);
    taken++;
    expect(look(31)).toBe(0);
    expect(look(41)).toBe(10_000);
  });

  it('time in which nothing waited does not count', () => {
    const watch = new StallWatch();
    watch.stalledForMs(0, 0, 0);
    watch.rest();
    expect(watch.stalledForMs(60_000, 60_000, 0)).toBe(0);
    expect(watch.stalledForMs(61_000, 60_500, 0)).toBe(500);
  });
});
