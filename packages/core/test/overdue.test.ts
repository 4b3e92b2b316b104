import { once } from 'node:events';
import { createServer, connect as dial, type AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@pea2pea/core';
import { overdue, overdueAwake } from '@pea2pea/core/authoring';
import { ControlledClock } from '@pea2pea/core/testing';
import { turn, until } from '@pea2pea/testing';

/** Keeps the event loop from turning. */
function compute(durationMs: number): void {
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs);
}

describe('the next turn', () => {
  it.each([
    ['the system', systemClock],
    ['a controlled clock', new ControlledClock()],
  ])('of %s comes once, and not after it was cancelled', async (_name, clock) => {
    const calls: string[] = [];
    clock.nextTurn(() => calls.push('called'));
    const cancelled = clock.nextTurn(() => calls.push('never'));
    cancelled.cancel();
    expect(calls).toEqual([]);
    await turn();
    expect(calls).toEqual(['called']);
    cancelled.cancel();
  });

  it('counts among the pending calls of a controlled clock', async () => {
    const clock = new ControlledClock();
    clock.nextTurn(() => {});
    clock.nextTurn(() => {}).cancel();
    expect(clock.pending).toBe(1);
    await until('the turn has come', () => clock.pending === 0);
  });
});

describe('an overdue judgement', () => {
  it('comes once, after what was overdue had a poll of the sockets', async () => {
    const server = createServer((socket) => socket.end('there')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = dial((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    const order: string[] = [];
    socket.on('data', (data) => order.push(String(data)));
    overdue(systemClock, 1, () => order.push('judged'));
    // The bytes come while nobody polls: without another look at the socket the timer is first.
    compute(50);
    await until('it was judged', () => order.includes('judged'));
    expect(order).toEqual(['there', 'judged']);
    server.close();
  });

  it('says until when everything that had come was heard', async () => {
    const clock = new ControlledClock();
    const judged: number[] = [];
    overdue(clock, 10, (polledAtMs) => judged.push(polledAtMs));
    clock.advance(15); // no turn has come yet: this is when the sockets are looked at
    await turn();
    clock.advance(20); // the handler of another peer takes its time
    expect(judged).toEqual([]);
    await until('it was judged', () => judged.length > 0);
    expect(judged).toEqual([15]);
    expect(clock.pending).toBe(0);
  });

  it('is cancelled in each of its steps', async () => {
    for (let step = 0; step < 4; step++) {
      const clock = new ControlledClock();
      const timer = overdue(clock, 10, () => {
        throw new Error('it was cancelled');
      });
      if (step > 0) clock.advance(10);
      for (let passed = 1; passed < step; passed++) await turn();
      expect(clock.pending).toBe(1);
      timer.cancel();
      expect(clock.pending).toBe(0);
      await turn();
      await turn();
      timer.cancel();
    }
  });
});

describe('a judgement after time awake', () => {
  /** Times that are waited for, and what ends the last one. */
  function waits() {
    const delays: number[] = [];
    let pass = (): void => {};
    const clock = {
      ...systemClock,
      setTimeout: (callback: () => void, delayMs: number) => {
        delays.push(delayMs);
        pass = callback;
        return { cancel: () => void (pass = () => {}) };
      },
    };
    const passOnce = (): void => {
      const callback = pass;
      pass = () => {};
      callback();
    };
    return { clock, delays, pass: passOnce };
  }

  it.each([
    [1_000, [250, 250, 250, 250]],
    [303, [76, 76, 76, 75]],
    [25, [10, 10, 5]],
    [0, [0]],
  ])('waits for %d ms in parts, each as long as it takes', async (delayMs, parts) => {
    const { clock, delays, pass } = waits();
    let isJudged = false;
    overdueAwake(clock, delayMs, () => (isJudged = true));
    for (const count of parts.keys()) {
      expect(delays).toEqual(parts.slice(0, count + 1));
      pass();
    }
    expect(isJudged).toBe(false);
    await until('it was judged', () => isJudged);
  });

  it('can be cancelled in each part', async () => {
    for (const parts of [0, 1, 3, 4]) {
      const { clock, pass } = waits();
      const judged: number[] = [];
      const timer = overdueAwake(clock, 1_000, (polledAtMs) => judged.push(polledAtMs));
      for (let count = 0; count < parts; count++) pass();
      timer.cancel();
      pass();
      for (let count = 0; count < 8; count++) await turn();
      expect(judged).toEqual([]);
    }
  });
});
