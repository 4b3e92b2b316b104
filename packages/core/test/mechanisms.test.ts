import { describe, expect, it } from '@jest/globals';
import { describeReason, NEED_MORE, type DisconnectReason } from '@pea2pea/core';
import { ByteBudget, Deadline, Sweeper } from '@pea2pea/core/internal';
import { FairTurns } from '@pea2pea/core/mechanisms/fair-turns';
import { ControlledClock, seededRandom } from '@pea2pea/core/testing';
import { until } from '@pea2pea/testing';

describe('a controlled clock', () => {
  it('calls what falls due, in order, and what is set on the way', () => {
    const clock = new ControlledClock(1_000);
    const calls: string[] = [];
    clock.setTimeout(() => calls.push(`late ${clock.now()}`), 30);
    clock.setTimeout(() => {
      calls.push(`early ${clock.now()}`);
      clock.setTimeout(() => calls.push(`on the way ${clock.now()}`), 5);
    }, 10);
    const cancelled = clock.setTimeout(() => calls.push('never'), 15);
    cancelled.cancel();
    clock.advance(29);
    expect(calls).toEqual(['early 10', 'on the way 15']);
    expect([clock.pending, clock.now(), clock.date()]).toEqual([1, 29, 1_029]);
    clock.advance(1);
    expect(calls.at(-1)).toBe('late 30');
  });
});

it('a controlled clock that jumps calls late what fell due, in order', () => {
  const clock = new ControlledClock();
  const calls: string[] = [];
  for (const delayMs of [20, 10, 60])
    clock.setTimeout(() => calls.push(`${delayMs} at ${clock.now()}`), delayMs);
  clock.jump(50);
  expect([calls, clock.now(), clock.date()]).toEqual([[], 50, 50]);
  clock.advance(0);
  expect(calls).toEqual(['10 at 50', '20 at 50']);
  clock.advance(10);
  expect(calls.at(-1)).toBe('60 at 60');
});

describe('a deadline', () => {
  it('waits for work until it is over, then abandons it and everything later', async () => {
    const clock = new ControlledClock();
    const deadline = new Deadline(clock, 10);
    expect(await deadline.wait(Promise.resolve())).toBe(true);
    expect(await deadline.wait(Promise.reject(new Error('settled is settled')))).toBe(true);
    const hanging = deadline.wait(new Promise(() => {}));
    clock.advance(10);
    expect(await hanging).toBe(false);
    expect(await deadline.wait(Promise.resolve())).toBe(false);
    expect(deadline.expired).toBe(true);
  });

  it('leaves no timer behind when it is cancelled', () => {
    const clock = new ControlledClock();
    new Deadline(clock, 10).cancel();
    expect(clock.pending).toBe(0);
  });
});

describe('a sweeper', () => {
  it('keeps a timer only while there is somebody to look after', () => {
    const clock = new ControlledClock();
    const sweeper = new Sweeper(clock, [800, 0]);
    const seen: number[] = [];
    const member = {
      heldBytes: 0,
      isOverdue: (nowMs: number) => (seen.push(nowMs), false),
      judge() {},
      forgive() {},
    };
    expect(clock.pending).toBe(0);
    sweeper.add(member);
    clock.advance(250);
    expect(seen).toEqual([100, 200]);
    expect(clock.pending).toBe(1);
    sweeper.remove(member);
    expect(clock.pending).toBe(0);
    sweeper.remove(member);
  });

  it('judges those that seem overdue, once each, and says until when they were heard', async () => {
    const clock = new ControlledClock();
    const sweeper = new Sweeper(clock, [800]);
    const judged: unknown[] = [];
    const member = (name: string, overdueAtMs: number) => ({
      heldBytes: 0,
      isOverdue: (nowMs: number) => nowMs >= overdueAtMs,
      judge: (nowMs: number, polledAtMs: number) => void judged.push([name, nowMs, polledAtMs]),
      forgive() {},
    });
    const [overdue, gone] = [member('overdue', 100), member('gone', 100)];
    for (const one of [overdue, member('heard', Infinity), gone]) sweeper.add(one);
    clock.advance(310);
    expect(judged).toEqual([]);
    sweeper.remove(gone);
    await until('one was judged', () => judged.length > 0);
    expect(judged).toEqual([['overdue', 310, 310]]);
    clock.advance(100);
    sweeper.remove(overdue);
    expect(clock.pending).toBe(1); // nobody is left to be judged, one to look after
  });

  it('a member may leave while it is judged', async () => {
    const clock = new ControlledClock();
    const sweeper = new Sweeper(clock, [800]);
    const member = { heldBytes: 0, isOverdue: () => true, judge: () => sweeper.remove(member), forgive() {} };
    sweeper.add(member);
    clock.advance(100);
    await until('it left', () => clock.pending === 0);
  });
});

describe('turns', () => {
  it('leave no timer behind when the node has closed, whatever a handler still does', () => {
    const clock = new ControlledClock();
    const turns = new FairTurns(clock);
    turns.wait({ takeTurn: () => {} });
    expect(clock.pending).toBe(1);
    turns.stop();
    turns.mark(clock.now());
    expect(clock.pending).toBe(0);
  });
});

describe('a byte budget', () => {
  it('lets everybody grow up to half of the limit, then only those below an equal share', () => {
    const budget = new ByteBudget(100);
    const [small, large, larger] = [budget.account(), budget.account(), budget.account()];
    [small.bytes, large.bytes, larger.bytes] = [5, 20, 25];
    expect(budget.isTight).toBe(false);
    larger.bytes = 26;
    expect(budget.isTight).toBe(true);
    expect([small, large, larger].map(({ isOverShare }) => isOverShare)).toEqual([false, true, true]);
  });

  it('calls those who wait when it is not tight any more, one at a time', () => {
    const budget = new ByteBudget(20);
    const [a, b, c, d] = [budget.account(), budget.account(), budget.account(), budget.account()];
    const calls: string[] = [];
    [a.bytes, b.bytes, c.bytes] = [6, 4, 4];
    b.waitForRelief(() => {
      calls.push('first');
      b.bytes = 5;
    });
    c.waitForRelief(() => calls.push('second'));
    d.waitForRelief(() => calls.push('forgotten'));
    d.leave();
    a.bytes = 2;
    expect(calls).toEqual(['first']);
    a.bytes = 1;
    expect(calls).toEqual(['first', 'second']);
    expect(budget.used).toBe(10);
  });

  it('calls those below their share when the limit is exceeded no more, though nobody has left', () => {
    const budget = new ByteBudget(10_000);
    const [large, small, larger] = [budget.account(), budget.account(), budget.account()];
    [large.bytes, small.bytes, larger.bytes] = [4_000, 1_500, 6_000];
    const calls: string[] = [];
    large.waitForRelief(() => calls.push('large'));
    small.waitForRelief(() => calls.push('small'));
    expect([small.isOverShare, budget.share]).toEqual([true, 1_024]);
    larger.bytes = 4_500;
    expect([small.isOverShare, budget.isTight, budget.used]).toEqual([false, true, 10_000]);
    expect(calls).toEqual(['small']);
  });
});

describe('seeded randomness', () => {
  it('repeats for a seed, differs between seeds, and is spread over the range', () => {
    const draw = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 10_000 }, () => random.next());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    const numbers = draw(42);
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    expect(mean).toBeGreaterThan(0.48);
    expect(mean).toBeLessThan(0.52);
  });
});

it('what a decoder returns where it needs more is the same in two copies of the package', () => {
  expect(NEED_MORE).toBe(Symbol.for('pea2pea.NEED_MORE'));
});

describe('disconnect reasons in words', () => {
  const cases: [DisconnectReason, string][] = [
    [{ origin: 'user' }, 'user'],
    [{ origin: 'user', why: 'bored' }, 'user: bored'],
    [{ origin: 'shutdown' }, 'shutdown'],
    [{ origin: 'on-connect', error: new Error('a bug') }, 'on-connect (a bug)'],
    [{ origin: 'reading', cause: 'ended' }, 'reading: ended'],
    [{ origin: 'reading', cause: 'handler-error', error: 'text' }, 'reading: handler-error ("text")'],
    [{ origin: 'writing', cause: 'timeout', error: new Error('slow') }, 'writing: timeout (slow)'],
  ];
  it.each(cases)('%j is %p', (reason, text) => {
    expect(describeReason(reason)).toBe(text);
  });
});
