import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@pea2pea/core/testing';
import { IpPrefix } from '@pea2pea/core';
import { BanList, type Ban } from '../src/bans/ban-list.js';

describe('a list of bans', () => {
  it('finds what a search through all of them finds, whatever was added, ended, or forgotten', () => {
    const random = seededRandom(3);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
    // Few bits, so that bans cover one another.
    const someAddress = (): string =>
      random.next() < 0.5
        ? `10.${pick([0, 1])}.${pick([0, 1, 2])}.${pick([0, 1, 2, 3])}`
        : `2001:db8:${pick([0, 1])}:${pick([0, 1])}::${pick([0, 1, 2, 3])}`;
    const somePrefix = (): IpPrefix => {
      const address = someAddress();
      const lengths = address.includes(':') ? [0, 32, 48, 64, 127, 128] : [0, 8, 16, 24, 31, 32];
      return IpPrefix.parse(`${address}/${pick(lengths)}`);
    };

    const bans = new BanList(12);
    let model: Ban[] = [];
    const outcomes = { banned: 0, free: 0 };
    for (let nowMs = 0; nowMs < 4_000; nowMs++) {
      model = model.filter(({ untilMs }) => untilMs > nowMs);
      const prefix = somePrefix();
      const isSame = (ban: Ban): boolean => ban.prefix.toString() === prefix.toString();
      if (random.next() < 0.3) {
        expect(bans.delete(prefix, nowMs)).toBe(model.some(isSame));
        model = model.filter((ban) => !isSame(ban));
      } else {
        const isLasting = random.next() < 0.05;
        const ban = {
          prefix,
          untilMs: isLasting ? Infinity : nowMs + 1 + random.next() * 30,
          why: undefined,
        };
        const { evicted } = bans;
        bans.set(ban, nowMs);
        model = model.filter((other) => !isSame(other));
        const oldest = model.findIndex(({ untilMs }) => untilMs !== Infinity);
        if (bans.evicted > evicted) model.splice(oldest, 1);
        model.push(ban);
      }
      const sought = somePrefix();
      const found = bans.covering(sought, nowMs);
      expect(found !== undefined).toBe(model.some((ban) => ban.prefix.contains(sought)));
      if (found !== undefined) expect(model).toContain(found);
      outcomes[found === undefined ? 'free' : 'banned']++;
      if (nowMs % 50 === 0) expect(new Set(bans.all(nowMs))).toEqual(new Set(model));
      if (nowMs % 200 === 0) for (const { prefix } of model.splice(0)) bans.delete(prefix, nowMs);
    }
    expect(bans.evicted).toBeGreaterThan(0);
    expect(Math.min(outcomes.banned, outcomes.free)).toBeGreaterThan(500);
  });
});
