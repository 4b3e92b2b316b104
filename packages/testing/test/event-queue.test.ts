import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '@pea2pea/core/testing';
import { EventQueue, ORDER, SimEvent, type Order } from '../src/simulation/event-queue.js';

class Named extends SimEvent {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }

  override happen(): void {}
}

/** The names of what happens, in order. */
function happening(queue: EventQueue): string[] {
  const names: string[] = [];
  while (queue.nextMs() !== undefined) names.push((queue.take() as Named).name);
  return names;
}

describe('what will happen', () => {
  it('is in order of time; at one instant timers, the network, turns; then as it was added', () => {
    const queue = new EventQueue();
    const add = (name: string, timeMs: number, order: Order): void =>
      queue.add(new Named(name), timeMs, order);
    add('turn', 2, ORDER.turns);
    add('first segment', 2, ORDER.network);
    add('late timer', 3, ORDER.timers);
    add('second segment', 2, ORDER.network);
    add('timer', 2, ORDER.timers);
    add('early turn', 1, ORDER.turns);
    expect(queue.size).toBe(6);
    expect(queue.nextMs()).toBe(1);
    expect(happening(queue)).toEqual([
      'early turn',
      'timer',
      'first segment',
      'second segment',
      'turn',
      'late timer',
    ]);
  });

  it('is without what was cancelled, and has at its new time what was added again', () => {
    const queue = new EventQueue();
    const [gone, moved] = [new Named('gone'), new Named('moved')];
    queue.add(gone, 1, ORDER.timers);
    queue.add(moved, 1, ORDER.timers);
    queue.add(new Named('other'), 2, ORDER.timers);
    for (const event of [gone, gone, moved]) queue.cancel(event);
    queue.add(moved, 3, ORDER.timers);
    expect(queue.size).toBe(2);
    expect(queue.all()).toHaveLength(2);
    expect(happening(queue)).toEqual(['other', 'moved']);
    queue.cancel(moved); // after it has happened
    expect(queue.size).toBe(0);
  });

  it('is the same as a sorted list, with thousands that come, are cancelled and happen', () => {
    const random = seededRandom(5);
    const queue = new EventQueue();
    let waiting: { readonly event: Named; readonly timeMs: number; readonly serial: number }[] = [];
    let nowMs = 0;
    for (let serial = 0; serial < 20_000; serial++) {
      const event = new Named(String(serial));
      const timeMs = nowMs + Math.floor(random.next() * 50);
      queue.add(event, timeMs, ORDER.timers);
      waiting.push({ event, timeMs, serial });
      // For a while many more are cancelled than happen.
      if (random.next() < (serial % 4_000 < 2_000 ? 0.1 : 0.8)) {
        const [chosen] = waiting.splice(Math.floor(random.next() * waiting.length), 1);
        queue.cancel(chosen!.event);
      }
      if (random.next() < 0.3 && waiting.length > 0) {
        waiting = waiting.sort((a, b) => a.timeMs - b.timeMs || a.serial - b.serial);
        const next = waiting.shift()!;
        nowMs = queue.nextMs()!;
        expect([nowMs, (queue.take() as Named).name]).toEqual([next.timeMs, next.event.name]);
      }
      if (queue.size !== waiting.length) expect(queue.size).toBe(waiting.length);
    }
  });
});
