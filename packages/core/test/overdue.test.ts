import { once } from 'node:events';
import { createServer, connect as dial, type AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@pea2pea/core';
import { overdue } from '@pea2pea/core/authoring';
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
