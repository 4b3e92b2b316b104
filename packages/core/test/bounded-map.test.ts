import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@pea2pea/core/testing';
import { BoundedMap } from '@pea2pea/core/authoring';

/** Values are the time when they are over. */
function bounded(maxEntries: number, removed: string[] = []): BoundedMap<number> {
  return new BoundedMap<number>({
    maxEntries,
    isOver: (untilMs, nowMs) => untilMs <= nowMs,
    onRemove: (key) => removed.push(key),
  });
}

describe('a bounded map', () => {
  it('forgets the oldest when it is full, and counts it', () => {
    const removed: string[] = [];
    const map = bounded(3, removed);
    for (const key of ['a', 'b', 'c', 'd', 'e']) map.set(key, 100, 0);
    expect(removed).toEqual(['a', 'b']);
    expect(map.evicted).toBe(2);
    expect(map.size).toBe(3);
    expect(map.get('c', 0)).toBe(100);
  });

  it('takes one that is set again for the youngest', () => {
    const map = bounded(2);
    map.set('a', 100, 0);
    map.set('b', 100, 0);
    map.set('a', 200, 0);
    map.set('c', 100, 0);
    expect(map.get('a', 0)).toBe(200);
    expect(map.get('b', 0)).toBeUndefined();
  });

  it('answers nothing that is over', () => {
    const map = bounded(3);
    map.set('a', 100, 0);
    expect(map.get('a', 99)).toBe(100);
    expect(map.get('a', 100)).toBeUndefined();
    expect(map.size).toBe(0);
  });

  it('makes room by what is over before it forgets what is not', () => {
    const map = bounded(4);
    map.set('old', 1_000, 0);
    for (const key of ['a', 'b', 'c']) map.set(key, 10, 0);
    map.set('new', 1_000, 10);
    expect(map.evicted).toBe(0);
    expect(map.values(10)).toEqual([1_000, 1_000]);
  });

  it('clears away faster than newcomers come, so that it does not stay large', () => {
    const map = bounded(10_000);
    for (let index = 0; index < 5_000; index++) map.set(`short ${index}`, 10, 0);
    for (let index = 0; index < 2_000; index++) map.set(`long ${index}`, 1_000, 10);
    expect(map.size).toBe(2_000);
    expect(map.evicted).toBe(0);
  });

  it('can be emptied and filled again', () => {
    const map = bounded(2);
    for (let round = 0; round < 3; round++) {
      for (const key of ['a', 'b', 'c']) map.set(`${round} ${key}`, 100, 0);
      for (const key of ['b', 'c']) expect(map.delete(`${round} ${key}`)).toBe(true);
      expect(map.size).toBe(0);
    }
    expect(map.evicted).toBe(3);
  });

  it('does as a plain list would, whatever happens to it', () => {
    const random = seededRandom(11);
    const map = bounded(20);
    let model: { key: string; untilMs: number }[] = [];
    let evicted = 0;
    for (let nowMs = 0; nowMs < 5_000; nowMs++) {
      const key = String(Math.floor(random.next() * 60));
      if (random.next() < 0.2) {
        map.delete(key);
        model = model.filter((entry) => entry.key !== key);
      } else {
        const untilMs = nowMs + 1 + Math.floor(random.next() * 40);
        const before = map.evicted;
        map.set(key, untilMs, nowMs);
        model = model.filter((entry) => entry.key !== key);
        if (map.evicted > before) {
          evicted++;
          expect(model.findIndex((entry) => map.get(entry.key, nowMs) === undefined)).toBe(0);
          model.shift();
        }
        model.push({ key, untilMs });
      }
      model = model.filter((entry) => entry.untilMs > nowMs);
      expect(map.size).toBeLessThanOrEqual(20);
      const sample = String(Math.floor(random.next() * 60));
      expect(map.get(sample, nowMs)).toBe(model.find((entry) => entry.key === sample)?.untilMs);
    }
    expect(map.evicted).toBe(evicted);
    expect(evicted).toBeGreaterThan(0);
  });
});
