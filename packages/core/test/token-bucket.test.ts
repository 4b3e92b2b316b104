import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@pea2pea/core/testing';
import { TokenBucket } from '@pea2pea/core/authoring';

describe('a token bucket', () => {
  it('lets its capacity through at once, and no more', () => {
    const bucket = new TokenBucket({ perSecond: 10, capacity: 20 }, 0);
    for (let taken = 0; taken < 20; taken++) expect(bucket.take(1, 0)).toBe(0);
    expect(bucket.take(1, 0)).toBeGreaterThan(0);
  });

  it('says how long a debt takes to be paid, and it is paid by then', () => {
    const bucket = new TokenBucket({ perSecond: 10, capacity: 20 }, 0);
    bucket.take(20, 0);
    expect(bucket.take(5, 0)).toBe(500);
    expect(bucket.take(0, 499)).toBeGreaterThan(0);
    expect(bucket.take(0, 500)).toBe(0);
  });

  it('is full again after a silence of its capacity, and not fuller', () => {
    const bucket = new TokenBucket({ perSecond: 10, capacity: 20 }, 0);
    expect(bucket.isFull(0)).toBe(true);
    bucket.take(20, 0);
    expect(bucket.isFull(1_999)).toBe(false);
    expect(bucket.isFull(2_000)).toBe(true);
    expect(bucket.take(20, 1_000_000)).toBe(0);
    expect(bucket.take(1, 1_000_000)).toBe(100);
  });

  it('is never deeper in debt than its capacity, however much was taken', () => {
    const bucket = new TokenBucket({ perSecond: 10, capacity: 20 }, 0);
    expect(bucket.take(1e12, 0)).toBe(2_000);
    expect(bucket.take(1e12, 0)).toBe(2_000);
    expect(bucket.take(0, 2_000)).toBe(0);
    expect(bucket.isFull(3_999)).toBe(false);
    expect(bucket.isFull(4_000)).toBe(true);
  });

  it('takes tokens back, up to its capacity', () => {
    const bucket = new TokenBucket({ perSecond: 10, capacity: 20 }, 0);
    bucket.take(1, 0);
    bucket.putBack(5);
    expect(bucket.isFull(0)).toBe(true);
    expect(bucket.take(20, 0)).toBe(0);
    expect(bucket.take(1, 0)).toBe(100);
  });

  it('grants, for a while, what found no room in a time that nobody could use', () => {
    const bucket = new TokenBucket({ perSecond: 10, capacity: 20 }, 0);
    bucket.take(5, 0);
    bucket.grant(3_000, 4_000, 6_000); // 40 came back: 5 fill it, of the others those of 3 s are granted
    expect(bucket.take(50, 4_000)).toBe(0);
    expect(bucket.take(1, 4_000)).toBe(100);
    bucket.grant(3_000, 9_000, 11_000); // 50 came back: all but 20 of them, less the debt, are granted
    expect(bucket.take(20, 10_999)).toBe(0);
    expect(bucket.take(30, 11_000)).toBeGreaterThan(0);
  });

  it('grants nothing to those who have not used what came back', () => {
    const bucket = new TokenBucket({ perSecond: 10, capacity: 20 }, 0);
    bucket.take(20, 0);
    bucket.grant(1_500, 1_500, 9_000);
    expect(bucket.take(15, 1_500)).toBe(0);
    expect(bucket.take(1, 1_500)).toBe(100);
  });

  it('never lets more through in any stretch of time than its capacity and what came back', () => {
    const random = seededRandom(42);
    const rate = { perSecond: 50, capacity: 30 };
    const bucket = new TokenBucket(rate, 0);
    const through: number[] = [];
    for (let nowMs = 0; nowMs < 20_000; nowMs += random.next() * 20) {
      if (bucket.take(1, nowMs) === 0) through.push(nowMs);
      else bucket.putBack(1);
    }
    expect(through.length).toBeGreaterThan(900);
    for (let from = 0; from < through.length; from += 7) {
      for (let to = from; to < through.length; to += 11) {
        const seconds = (through[to]! - through[from]!) / 1_000;
        expect(to - from + 1).toBeLessThanOrEqual(rate.capacity + seconds * rate.perSecond + 1e-6);
      }
    }
  });
});
