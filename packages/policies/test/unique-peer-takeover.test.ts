import { describe, expect, it } from '@jest/globals';
import { memoryTransport } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { duplicateOf, reconnect, Reconnect } from '@pea2pea/policies';
import { type LogLine, recordingLogger, turn, until } from '@pea2pea/testing';
import { pair, party, portOf, type Pair } from './unique-peer-lab.js';

const SECOND = 1_000;

/** The port of the one connection that is left, the same on both sides. */
async function settled({ left, right }: Pair): Promise<number> {
  await until(() => left.node.connecting + right.node.connecting === 0);
  await until(() => left.ports().length <= 1 && right.ports().length <= 1);
  await turn(8);
  expect(right.ports()).toEqual(left.ports());
  expect(left.ports()).toHaveLength(1);
  return left.ports()[0]!;
}

describe('a peer that dials again', () => {
  it.each([
    ['tie-break', 'ann', 'bob'],
    ['tie-break', 'bob', 'ann'],
    ['keep-older', 'ann', 'bob'],
  ] as const)(
    'is believed when its old connection has been there for a while: %s, %s dials %s',
    async (...args) => {
      const [onDuplicate, ...names] = args;
      const clock = new ControlledClock();
      await using server = await party(names[1], { rule: { onDuplicate }, config: { clock } });
      const { transport } = server.node.config;
      // Each time another process: the one before is cut off, and its connection stays open on this side.
      await using before = await party(names[0], { transport });
      await using after = await party(names[0], { transport });
      await before.dial(server, 1);
      await until(() => server.ports().join() === '1');
      clock.advance(10 * SECOND - 1);
      await after.dial(server, 2);
      await until(() => server.plugin.duplicates === 1);
      expect(portOf(server.plugin.get(names[0])!)).toBe(1);
      clock.advance(1);
      await after.dial(server, 3);
      await until(() => server.ports().join() === '3');
      expect(server.plugin.takeovers).toBe(1);
      expect(server.log).toEqual(['open 1', 'open 3', 'end 1']);
    },
  );

  it('is refused for ever, where takeoverAfterMs is Infinity and the older one is kept', async () => {
    const clock = new ControlledClock();
    const rule = { takeoverAfterMs: Infinity };
    await using both = await pair(['ann', 'bob'], { rule, config: { clock } });
    await both.left.dial(both.right, 1);
    clock.advance(1_000_000);
    await both.left.dial(both.right, 2);
    expect(await settled(both)).toBe(1);
  });

  it.each([{ onDuplicate: 'keep-older' } as const, undefined])(
    'is believed with keep-older when it is this side, too, and the other side has %j',
    async (theirs) => {
      const config = { clock: new ControlledClock() };
      const transport = memoryTransport();
      await using left = await party('ann', { rule: { onDuplicate: 'keep-older' }, transport, config });
      await using right = await party('bob', { rule: theirs, transport, config });
      await right.dial(left, 1);
      await until(() => left.ports().length === 1 && right.ports().length === 1);
      config.clock.advance(10 * SECOND);
      await left.dial(right, 2);
      expect(await settled({ left, right })).toBe(2);
    },
  );

  it('knows which connection was kept', async () => {
    const clock = new ControlledClock();
    await using both = await pair(['ann', 'bob'], { config: { clock } });
    const first = (await both.left.dial(both.right, 1))!;
    clock.advance(10 * SECOND);
    const second = (await both.left.dial(both.right, 2))!;
    await first.closed;
    expect(first.context.get(duplicateOf)).toBe(second);
  });
});

describe('exactly one connection is left, the same on both sides', () => {
  const ages = [0, 4.9, 5, 7, 9.9, 10, 30].map((seconds) => seconds * SECOND);
  it.each([
    ['ann', 'bob'],
    ['bob', 'ann'],
  ] as const)(
    'whoever dials which, %s and %s, at any age, though clocks differ by seconds',
    async (...names) => {
      for (const age of ages) {
        for (const [older, newer] of ['LL', 'LR', 'RL', 'RR']) {
          for (const ahead of [-4 * SECOND, 0, 4 * SECOND]) {
            const clocks = [new ControlledClock(), new ControlledClock()];
            const transport = memoryTransport();
            await using left = await party(names[0], { rule: {}, transport, config: { clock: clocks[0]! } });
            await using right = await party(names[1], { rule: {}, transport, config: { clock: clocks[1]! } });
            const dial = (side: string, route: number) =>
              side === 'L' ? left.dial(right, route) : right.dial(left, route);
            await dial(older!, 1);
            await until(() => left.ports().length === 1 && right.ports().length === 1);
            clocks[0]!.advance(Math.max(0, age));
            clocks[1]!.advance(Math.max(0, age + ahead));
            await dial(newer!, 2);
            const kept = await settled({ left, right });
            const isOldToBoth = age >= 10 * SECOND && age + ahead >= 10 * SECOND;
            if (isOldToBoth) expect([age, older, newer, ahead, kept]).toEqual([age, older, newer, ahead, 2]);
          }
        }
      }
    },
  );
});

describe('two processes with one identity', () => {
  it('take over from each other less and less often, and a warning says so once a minute', async () => {
    const clock = new ControlledClock();
    const log: LogLine[] = [];
    await using server = await party('server', { rule: {}, config: { clock, logger: recordingLogger(log) } });
    const { transport } = server.node.config;
    const keeping = { rule: {}, transport, plugins: [reconnect({ jitter: 0 })], config: { clock } };
    await using one = await party('ann', keeping);
    await using two = await party('ann', keeping);
    for (const { handle } of [one, two])
      handle.get(Reconnect).add({ host: '127.0.0.1', port: server.address.port });
    const takeovers: number[] = [];
    for (let seconds = 0; seconds < 900; seconds++) {
      const before = server.plugin.takeovers;
      clock.advance(SECOND);
      await turn(4);
      if (server.plugin.takeovers > before) takeovers.push(seconds);
    }
    const gaps = takeovers.map((at, index) => at - (takeovers[index - 1] ?? 0));
    expect(takeovers.length).toBeGreaterThan(4);
    for (const [index, atLeast] of [10, 20, 40, 80, 80, 80].entries()) {
      if (index < gaps.length) expect(gaps[index]).toBeGreaterThanOrEqual(atLeast - 1);
    }
    await until(() => server.ports().length === 1);
    const told = log.filter(({ level, text }) => level === 'warn' && text.includes('share an identity'));
    expect(told.length).toBeGreaterThan(2);
    expect(told.length).toBeLessThan(takeovers.length);
  });
});
