import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { simulate, SimulationError, type Duration } from '@pea2pea/testing';
import { peerOn, two } from './simulation-lab.js';

describe('the time of a world', () => {
  it('passes while it runs, and at no other time', async () => {
    const world = simulate();
    const { clock } = world.host('10.0.0.1').config;
    const rings: number[] = [];
    clock.setTimeout(() => rings.push(world.nowMs), 50);
    await turn();
    expect(rings).toEqual([]);
    await world.run(49);
    expect([rings, world.nowMs]).toEqual([[], 49]);
    await world.run('1 s');
    expect([rings, world.nowMs]).toEqual([[50], 1_049]);
  });

  it('moves when all ticks and microtasks of an event are done, however many they set going', async () => {
    const world = simulate();
    const { clock } = world.host('10.0.0.1').config;
    const seen: number[] = [];
    const goOn = (left: number): void => {
      seen.push(clock.now());
      if (left > 0)
        process.nextTick(() => void Promise.resolve().then(() => queueMicrotask(() => goOn(left - 1))));
    };
    clock.setTimeout(() => goOn(100), 1);
    clock.setTimeout(() => seen.push(-1), 1.001);
    await world.run(10);
    expect(seen).toEqual([...Array.from({ length: 101 }, () => 1), -1]);
  });

  it.each<[Duration, number]>([
    [250, 250],
    ['10 s', 10_000],
    ['1.5 min', 90_000],
    ['2 h', 7_200_000],
  ])('%p are %p ms', async (duration, ms) => {
    const world = simulate();
    await world.run(duration);
    expect(world.nowMs).toBe(ms);
  });

  it('needs durations and seeds that are some', async () => {
    await expect(simulate().run('soon' as Duration)).rejects.toThrow('is not a duration');
    expect(() => simulate({ seed: -1 })).toThrow('`seed` is -1; give a whole number');
    expect(() => simulate({ bandwidth: '10 miles' as '1 B/s' })).toThrow('is not a bandwidth');
    expect(() => simulate({ latencyMs: [5, 1] })).toThrow('latencyMs');
  });

  it('turns of the event loop let pass what arrives at the same instant', async () => {
    const { world, a, b, here } = await two();
    const order: string[] = [];
    await world.drive(here.send('word'));
    const { clock } = b.host.config;
    clock.setTimeout(() => clock.nextTurn(() => order.push(`turn after ${b.heard.length}`)), 10);
    await world.run('1 s');
    expect(order).toEqual(['turn after 1']);
    expect(a.node.connections.size).toBe(1);
  });

  it('one run at a time', async () => {
    const world = simulate();
    const first = world.run(1);
    await expect(world.run(1)).rejects.toThrow('the world runs already');
    await first;
  });
});

describe('a check', () => {
  it('is made after every event, and its failure has what is needed to see it again', async () => {
    const world = simulate({ seed: 12 });
    const { clock } = world.host('10.0.0.1').config;
    let leaders = 0;
    world.check('one leader', () => leaders <= 1);
    clock.setTimeout(() => leaders++, 5);
    clock.setTimeout(() => leaders++, 7);
    clock.setTimeout(() => leaders--, 7.5);
    const failure = await world.run('1 s').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SimulationError);
    expect(failure).toMatchObject({
      code: 'P2P_ERR_CHECK_FAILED',
      subject: 'one leader',
      seed: 12,
      timeMs: 7,
    });
  });

  it('may throw, and what it throws is the cause', async () => {
    const world = simulate();
    world.check('all is well', () => {
      throw new Error('it is not');
    });
    await expect(world.run(1)).rejects.toMatchObject({
      cause: expect.objectContaining({ message: 'it is not' }),
    });
  });

  it('what is waited for in vain is named: time is over, or nothing is left', async () => {
    const world = simulate();
    await expect(world.until('it rains', () => false)).rejects.toMatchObject({
      code: 'P2P_ERR_WORLD_STUCK',
      subject: 'it rains',
    });
    const { clock } = world.host('10.0.0.1').config;
    const again = (): void => void clock.setTimeout(again, 1_000);
    again();
    await expect(world.until('it rains', () => false, '1 min')).rejects.toMatchObject({
      code: 'P2P_ERR_WAITED_IN_VAIN',
    });
  });

  it('work that was spawned fails the run when it rejects', async () => {
    const world = simulate();
    world.spawn(async () => {
      await world.sleep(5);
      throw new Error('no luck');
    });
    await expect(world.run(10)).rejects.toThrow('no luck');
  });
});

describe('the clock of a host', () => {
  it('drifts, and its timers with it', async () => {
    const world = simulate();
    const host = world.host('10.0.0.1');
    const { clock } = host.config;
    await world.run(1_000);
    const rings: number[] = [];
    clock.setTimeout(() => rings.push(world.nowMs), 1_000);
    host.clock.drift(2);
    await world.run(2_000);
    expect(rings).toEqual([1_500]);
    expect(clock.now()).toBe(5_000);
  });

  it('jumps for people, and not for timers', async () => {
    const world = simulate({ epochMs: 0 });
    const host = world.host('10.0.0.1');
    const { clock } = host.config;
    host.clock.jump('1 h');
    await world.run(10);
    expect([clock.now(), clock.date()]).toEqual([10, 3_600_010]);
    host.clock.jump(-3_600_000);
    expect(clock.date()).toBe(10);
  });

  it('stops in a suspended host, and people find it right afterwards', async () => {
    const world = simulate({ epochMs: 0 });
    const host = world.host('10.0.0.1');
    const { clock } = host.config;
    const rings: number[] = [];
    clock.setTimeout(() => rings.push(world.nowMs), 100);
    await world.run(60);
    host.suspend();
    await world.run('1 h');
    expect([rings, clock.now(), clock.date()]).toEqual([[], 60, 60]);
    host.resume();
    await world.run(100);
    expect([rings, clock.now(), clock.date()]).toEqual([[3_600_100], 160, 3_600_160]);
  });

  it('goes on in a host that stands still, whose timers come late', async () => {
    const world = simulate();
    const host = world.host('10.0.0.1');
    const rings: number[] = [];
    for (const delayMs of [10, 20]) host.config.clock.setTimeout(() => rings.push(world.nowMs), delayMs);
    host.stall(500);
    await world.run('1 s');
    expect(rings).toEqual([500, 500]);
  });

  it('a timer that was cancelled while the process stood still does not fire', async () => {
    const world = simulate();
    const host = world.host('10.0.0.1');
    const { clock } = host.config;
    const rings: string[] = [];
    clock.setTimeout(() => second.cancel(), 10);
    const second = clock.setTimeout(() => rings.push('second'), 20);
    host.stall(500);
    await world.run('1 s');
    expect(rings).toEqual([]);
    expect(host.clock.pending).toBe(0);
  });
});

it('an idle world of nodes sleeps until somebody is overdue', async () => {
  const world = simulate();
  const peer = peerOn(world.host('10.0.0.1'));
  await world.drive(peer.node.listen({ host: '0.0.0.0', port: 1 }));
  const before = world.steps;
  await world.run('1 h');
  expect(world.steps - before).toBe(0);
});
