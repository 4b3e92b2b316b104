import { describe, expect, it } from '@jest/globals';
import type { Clock } from '@pea2pea/core';
import { FairTurns, Slice } from '@pea2pea/core/internal';

/** A clock whose turns end when they are told to. */
class TurningClock implements Clock {
  nowMs = 0;
  #onTurn: (() => void)[] = [];

  now(): number {
    return this.nowMs;
  }
  date(): number {
    return this.nowMs;
  }
  setTimeout(): never {
    throw new Error('there are no timers here');
  }
  nextTurn(callback: () => void): { cancel(): void } {
    this.#onTurn.push(callback);
    return { cancel: () => void (this.#onTurn = this.#onTurn.filter((other) => other !== callback)) };
  }
  get waiting(): number {
    return this.#onTurn.length;
  }
  turn(): void {
    for (const callback of this.#onTurn.splice(0)) callback();
  }
}

/** A slice, and how many units were done in it, over all turns. */
class Worker {
  readonly slice: Slice;
  count = 0;

  constructor(turns: FairTurns) {
    this.slice = new Slice(turns);
  }

  begin(): this {
    this.slice.begin(this.count);
    return this;
  }

  /** One unit; true when the slice is spent. */
  unit(clock: TurningClock, unitMs: number): boolean {
    clock.nowMs += unitMs;
    return ++this.count >= this.slice.checkAt && this.slice.isSpent(this.count);
  }
}

/** Works in units of `unitMs` until the slice is spent; returns how many it did. */
function work(clock: TurningClock, worker: Worker, unitMs: number, most = 100_000): number {
  for (let done = 1; done <= most; done++) if (worker.unit(clock, unitMs)) return done;
  return Infinity;
}

describe('fair turns', () => {
  it('a burst of a few fast units asks for no marker', () => {
    const clock = new TurningClock();
    const worker = new Worker(new FairTurns(clock));
    for (let event = 0; event < 10; event++) {
      worker.begin();
      expect(work(clock, worker, 0.001, 50)).toBe(Infinity);
      clock.nowMs += 1;
    }
    expect(clock.waiting).toBe(0);
  });

  it('bursts too short to be noticed, one right after the other, are bounded as one', () => {
    const clock = new TurningClock();
    const worker = new Worker(new FairTurns(clock));
    const beginMs = clock.nowMs;
    let spent = false;
    // Chunks that were all there when the socket was read: no turn ends between them.
    while (!spent) {
      worker.begin();
      for (let unit = 0; unit < 20 && !spent; unit++) spent = worker.unit(clock, 0.01);
    }
    expect(clock.nowMs - beginMs).toBeLessThan(2 + 0.25 + 0.2 + 0.32);
    expect(clock.waiting).toBe(1);
  });

  it('a stream of small chunks asks for a marker now and then, not for each', () => {
    const clock = new TurningClock();
    const turns = new FairTurns(clock);
    const worker = new Worker(turns);
    let markers = 0;
    for (let chunk = 0; chunk < 1000; chunk++) {
      worker.begin();
      expect(work(clock, worker, 0.0001, 250)).toBe(Infinity);
      markers += clock.waiting;
      clock.turn();
    }
    expect(markers).toBeGreaterThan(0);
    expect(markers).toBeLessThanOrEqual(100);
  });

  it('one that works alone may work for 2 ms in a turn, however often it begins', () => {
    const clock = new TurningClock();
    const worker = new Worker(new FairTurns(clock));
    worker.begin();
    const first = work(clock, worker, 0.01, 150);
    expect(first).toBe(Infinity);
    worker.begin(); // another chunk, in the same turn
    expect(clock.waiting).toBe(1);
    expect(work(clock, worker, 0.01)).toBeLessThanOrEqual(50 + 64);
    clock.turn();
    worker.begin();
    const next = work(clock, worker, 0.01);
    expect(next).toBeGreaterThanOrEqual(200);
    expect(next).toBeLessThanOrEqual(200 + 64);
  });

  it('a few slow units may take 20 ms, and not more', () => {
    const clock = new TurningClock();
    const worker = new Worker(new FairTurns(clock));
    worker.begin();
    expect(work(clock, worker, 6)).toBe(4);
    clock.turn();
    worker.begin();
    expect(work(clock, worker, 50)).toBe(1);
  });

  it('once a turn is long, slow units of others wait after the first', () => {
    const clock = new TurningClock();
    const turns = new FairTurns(clock);
    const [first, second] = [new Worker(turns), new Worker(turns)];
    first.begin();
    work(clock, first, 25);
    clock.nowMs += 25;
    second.begin();
    expect(work(clock, second, 6)).toBe(1);
  });

  it('once a turn is long, short bursts of many others are cut shorter', () => {
    const clock = new TurningClock();
    const turns = new FairTurns(clock);
    const first = new Worker(turns).begin();
    work(clock, first, 0.01);
    const beginMs = clock.nowMs;
    for (let other = 0; other < 100; other++) work(clock, new Worker(turns).begin(), 0.001, 240);
    expect(clock.nowMs - beginMs).toBeLessThan(100 * 0.11);
  });

  it('short bursts of many, none of which is noticed, do not make a long turn together', () => {
    const clock = new TurningClock();
    const turns = new FairTurns(clock);
    for (let other = 0; other < 100; other++) work(clock, new Worker(turns).begin(), 0.001, 240);
    expect(clock.waiting).toBe(1);
    expect(clock.nowMs).toBeLessThan(2 + 100 * 0.11);
  });

  it('units that cost more than those before them are noticed soon, and by others at once', () => {
    const clock = new TurningClock();
    const turns = new FairTurns(clock);
    const workers = Array.from({ length: 10 }, () => new Worker(turns));
    for (const worker of workers) {
      worker.begin();
      // Whenever the clock is looked at seldom, as all was fast so far.
      for (let cheap = 0; cheap < 65; cheap++) worker.unit(clock, 0);
      expect(work(clock, worker, 1)).toBeLessThanOrEqual(worker === workers[0] ? 32 : 2);
    }
  });

  it('work in microtasks, after a promise, is part of one turn', () => {
    const clock = new TurningClock();
    const worker = new Worker(new FairTurns(clock));
    let done = 0;
    for (let spent = false; !spent; done++) {
      worker.slice.beginMarked(worker.count);
      spent = worker.unit(clock, 0.01);
    }
    expect(done).toBeLessThanOrEqual(200 + 64);
    expect(clock.waiting).toBe(1);
  });

  it('many share the time of a turn, and none is left without', () => {
    const clock = new TurningClock();
    const turns = new FairTurns(clock);
    const counts = new Map<number, number>();
    const takers = Array.from({ length: 10 }, (_, index) => {
      const worker = new Worker(turns);
      const taker = {
        takeTurn() {
          worker.begin();
          counts.set(index, work(clock, worker, 0.001));
          turns.wait(taker);
        },
      };
      return taker;
    });
    for (const taker of takers) turns.wait(taker);
    clock.turn();
    const beforeMs = clock.nowMs;
    clock.turn();
    expect(clock.nowMs - beforeMs).toBeLessThan(2 + 10 * 0.064 + 0.001);
    expect([...counts.values()].every((count) => count >= 64 && count <= 264)).toBe(true);
  });
});
