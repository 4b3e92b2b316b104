import { afterEach, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import timersPromises from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { lines } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';
import { fakeGlobals, simulate, type SimHost, type World } from '@pea2pea/testing';

const restores: (() => void)[] = [];
afterEach(() => {
  for (const restore of restores.splice(0)) restore();
});

/** A world whose hosts have globals of their own. */
function faked(seed = 1): World {
  const world = simulate({ seed });
  restores.push(fakeGlobals(world).restore);
  return world;
}

it('timers of a program run on the clock of its host: an hour takes no time', async () => {
  const world = faked();
  const rings: string[] = [];
  const began = Date.now();
  world.host('10.0.0.1', {
    boot() {
      setTimeout((word: string) => rings.push(`${word} ${new Date().toISOString()}`), 90 * 60_000, 'once');
      const ticks = setInterval(
        () => rings.push(`tick ${Math.round(performance.now() / 60_000)}`),
        30 * 60_000,
      );
      setTimeout(() => clearInterval(ticks), 100 * 60_000);
    },
  });
  await world.run('3 h');
  expect(rings).toEqual(['tick 30', 'tick 60', 'once 2030-01-01T01:30:00.000Z', 'tick 90']);
  expect(Date.now() - began).toBeLessThan(60_000);
});

it('each host has its own clock: one is fast, one stands still, one crashes', async () => {
  const world = faked();
  const seen: Record<string, number> = {};
  const boot = ({ address }: SimHost): void => {
    seen[address] = 0;
    setInterval(() => seen[address]!++, 1_000);
  };
  const [fast, still, crashed] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) =>
    world.host(address, { boot }),
  );
  fast!.clock.drift(2);
  still!.suspend();
  await world.run('5 s');
  world.crash(crashed!);
  await world.run('5500 ms');
  expect(seen).toEqual({ '10.0.0.1': 21, '10.0.0.2': 0, '10.0.0.3': 5 });
  world.restart(crashed!);
  await world.run('2 s');
  expect(seen['10.0.0.3']).toBe(2);
});

it('what waits asynchronously and what nodes call belongs to the host', async () => {
  const world = faked();
  const heard: string[] = [];
  world.host('10.0.0.2', {
    async boot({ config }) {
      const node = new PeerNode({ codec: lines(), ...config });
      node.use({
        onMessage: (line) =>
          void setTimeout(() => heard.push(`${line} at ${Date.now() - Date.UTC(2030, 0, 1)}`), 60_000),
      });
      await node.listen({ host: '0.0.0.0', port: 4000 });
    },
  });
  world.host('10.0.0.1', {
    async boot({ config }) {
      const node = new PeerNode({ codec: lines(), ...config });
      await promisify(setTimeout)(1_000);
      await timersPromises.setTimeout(1_000);
      await timersPromises.scheduler.wait(1_000);
      await new Promise((resolve) => setImmediate(resolve));
      const connection = await node.connect('10.0.0.2:4000');
      connection.trySend('hello');
    },
  });
  await world.run('62 s');
  expect(heard).toEqual([]);
  await world.run('2 s');
  expect(heard).toEqual([expect.stringMatching(/^hello at 630\d\d$/)]);
});

it('chance of a program follows from the seed', async () => {
  const numbersOf = async (seed: number): Promise<number[]> => {
    const world = faked(seed);
    const numbers: number[] = [];
    for (const address of ['10.0.0.1', '10.0.0.2']) {
      world.host(address, {
        boot: () => void setTimeout(() => numbers.push(Math.random(), Math.random()), 1),
      });
    }
    await world.run('1 s');
    return numbers;
  };
  const first = await numbersOf(1);
  expect(new Set(first).size).toBe(4);
  expect(await numbersOf(1)).toEqual(first);
  expect(await numbersOf(2)).not.toEqual(first);
});

it('a timer of a host has what one of Node has', async () => {
  const world = faked();
  const rings: string[] = [];
  world.host('10.0.0.1', {
    boot() {
      const refreshed = setTimeout(() => rings.push(`refreshed ${Math.round(performance.now())}`), 100);
      setTimeout(() => refreshed.refresh(), 60);
      const byNumber = setTimeout(() => rings.push('cleared'), 10);
      clearTimeout(Number(byNumber));
      const unreferenced = setTimeout(() => rings.push('unreferenced'), 50).unref();
      rings.push(`ref ${unreferenced.hasRef()}`);
      clearTimeout(undefined);
      clearTimeout(12_345);
      const immediate = setImmediate(() => rings.push('cleared, too'));
      clearImmediate(immediate);
      const notAFunction = 'code' as unknown as () => void;
      expect(() => setTimeout(notAFunction, 1)).toThrow('must be of type function');
      setTimeout(() => rings.push('soon'), NaN);
    },
  });
  await world.run('1 s');
  expect(rings).toEqual(['ref false', 'soon', 'unreferenced', 'refreshed 160']);
});

it('signals end what waits, and have timeouts of the host', async () => {
  const world = faked();
  const ends: string[] = [];
  world.host('10.0.0.1', {
    boot() {
      const why = (error: Error): void => void ends.push(`${error.name} ${Math.round(performance.now())}`);
      timersPromises.setTimeout(60_000, 'never', { signal: AbortSignal.timeout(5_000) }).catch(why);
      timersPromises.setTimeout(1, 'never', { signal: AbortSignal.abort() }).catch(why);
      timersPromises
        .setTimeout(10, 'in time', { signal: AbortSignal.timeout(5_000) })
        .then((value) => ends.push(value), why);
    },
  });
  await world.run('1 min');
  expect(ends).toEqual(['AbortError 0', 'in time', 'AbortError 5000']);
});

it('what a timer throws fails the run', async () => {
  const world = faked();
  world.host('10.0.0.1', {
    boot: () =>
      void setTimeout(() => {
        throw new Error('no luck');
      }, 5),
  });
  await expect(world.run('1 s')).rejects.toThrow('no luck');
});

it('outside of hosts, all is that of the system, and all is put back', async () => {
  const names = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'Date'] as const;
  const before = [...names.map((name) => globalThis[name]), performance.now, process.hrtime, Math.random];
  const world = simulate();
  const other = simulate({ seed: 2 });
  const [globals, others] = [fakeGlobals(world), fakeGlobals(other)];
  expect(globalThis.setTimeout).not.toBe(before[0]);
  expect(Math.abs(Date.now() - new Date().getTime())).toBeLessThan(10_000);
  expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
  expect(new Date()).toBeInstanceOf(Date);
  expect(new Date().getFullYear()).not.toBe(2030);
  await timersPromises.setTimeout(1);
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(process.hrtime.bigint()).toBeGreaterThan(0n);
  globals.restore();
  globals.restore();
  let year = 0;
  other.host('10.0.0.1', { boot: () => void (year = new Date().getFullYear()) });
  await other.run(1);
  expect(year).toBe(2030);
  others.restore();
  expect([...names.map((name) => globalThis[name]), performance.now, process.hrtime, Math.random]).toEqual(
    before,
  );
});

it('functions that a program has imported by name from the modules of Node are faked, too', () => {
  const program = fileURLToPath(new URL('./programs/hourly.mjs', import.meta.url));
  expect(execFileSync(process.execPath, [program], { encoding: 'utf8' }).split('\n')).toEqual([
    'tick 2030-01-01T00:20:00.000Z',
    'tick 2030-01-01T00:40:00.000Z',
    'tick 2030-01-01T01:00:00.000Z',
    'done 2030-01-01T01:10:00.000Z',
    'true',
    '',
  ]);
});
