import { describe, expect, it } from '@jest/globals';
import type { HandlerTime } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { inMemory, join, lab, until } from '@pea2pea/testing';

const { makeNode } = lab();

describe('node.inside.timeHandlers', () => {
  it('asks the thenable of a handler once, which may begin its work then', async () => {
    let begun = 0;
    const lazy = { then: (done: () => void) => (begun++, done()) };
    const b = makeNode(inMemory(), { onMessage: () => lazy as unknown as Promise<void> });
    const times: HandlerTime[] = [];
    const end = b.node.inside.timeHandlers((time) => times.push(time));
    const [connection, there] = await join(makeNode({ transport: b.node.config.transport }), b);
    connection.trySend('x');
    await until('it was timed', () => times.length === 1);
    expect(begun).toBe(1);
    expect(times[0]!.connection).toBe(there);
    end();
  });

  it('tells what a handler threw, and the connection ends as it would without', async () => {
    const error = new Error('of a test');
    const b = makeNode(inMemory(), {
      onMessage: () => {
        throw error;
      },
    });
    const times: HandlerTime[] = [];
    b.node.inside.timeHandlers((time) => times.push(time));
    const [connection] = await join(makeNode({ transport: b.node.config.transport }), b);
    connection.trySend('x');
    await until('it has ended', () => b.closed.length === 1);
    expect(times).toEqual([expect.objectContaining({ error })]);
    expect(b.closed[0]!.reason).toMatchObject({ origin: 'reading', cause: 'handler-error', error });
  });

  it('tells several, each until its own end, and leaves no timer', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const b = makeNode(network);
    const [one, other]: [HandlerTime[], HandlerTime[]] = [[], []];
    const endOne = b.node.inside.timeHandlers((time) => one.push(time));
    const endOther = b.node.inside.timeHandlers((time) => other.push(time));
    const [connection] = await join(makeNode(network), b);
    for (let sent = 0; sent < 150; sent++) connection.trySend('x');
    await until('all came', () => b.messages.length === 150);
    endOne();
    clock.advance(100);
    connection.trySend('x');
    await until('it came', () => b.messages.length === 151);
    endOther();
    connection.trySend('x');
    await until('it came', () => b.messages.length === 152);
    expect([one.length, other.length]).toEqual([100, 101]);
  });
});
