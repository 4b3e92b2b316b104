import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { lines } from '@pea2pea/codecs';
import {
  COVERABLE,
  defineScenario,
  drawFaults,
  ExplorationError,
  explore,
  FAULT_KINDS,
  replay,
  type Scenario,
} from '@pea2pea/testing';
import { shrink } from '../src/exploration/shrink.js';
// @ts-expect-error a plain program, which other processes run, too
import { election } from './programs/election.mjs';
import { peerOn } from './simulation-lab.js';

const electionOf = election as (sync: boolean) => Scenario;
const failureOf = async (scenario: Scenario, seeds: number): Promise<ExplorationError> => {
  try {
    await explore({ scenario, seeds });
  } catch (error) {
    if (error instanceof ExplorationError) return error;
    throw error;
  }
  throw new Error('nothing was found');
};

describe('a plan of faults', () => {
  it('follows from the seed, and has all kinds', () => {
    const plan = drawFaults(7, { during: '10 min' });
    expect(drawFaults(7, { during: '10 min' })).toEqual(plan);
    expect(drawFaults(8, { during: '10 min' })).not.toEqual(plan);
    expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).sort((a, b) => a - b));
  });

  it('has only what it may', () => {
    const plan = drawFaults(1, {
      kinds: ['crash'],
      every: '100 ms',
      lasting: ['1 s', '2 s'],
      losesDisks: false,
    });
    expect(plan).toHaveLength(600);
    for (const fault of plan) {
      expect(fault).toMatchObject({ kind: 'crash', disk: 'kept' });
      expect(fault.forMs).toBeGreaterThanOrEqual(1_000);
      expect(fault.forMs).toBeLessThanOrEqual(2_000);
    }
  });

  it.each(FAULT_KINDS)('of the kind %p ends, and leaves the hosts at work', async (kind) => {
    const scenario = defineScenario({
      faults: { kinds: [kind], every: '500 ms', during: '20 s', lasting: ['100 ms', '2 s'] },
      async run(world) {
        for (let index = 1; index <= 4; index++) {
          world.host(`10.0.0.${index}`, {
            boot: async (host) => void (await peerOn(host).node.listen({ host: '0.0.0.0', port: 1 })),
          });
        }
        await world.run('3 min');
        const { node } = peerOn(world.host('10.0.0.9'), { connectTimeoutMs: 1_000 });
        for (let index = 1; index <= 4; index++) await world.drive(node.connect(`10.0.0.${index}:1`));
      },
    });
    for (let seed = 0; seed < 5; seed++) {
      const { failure, faults } = await replay(scenario, String(seed));
      expect([failure, faults.length]).toEqual([undefined, 40]);
    }
  });
});

describe('shrinking', () => {
  it.each([
    [[3], 1],
    [[3, 17], 2],
    [[0, 9, 19], 3],
    [[], 0],
  ])('finds the faults that a failure takes: %p', async (needed, size) => {
    const items = Array.from({ length: 20 }, (_, index) => index);
    const fails = async (some: readonly number[]) => needed.every((item) => some.includes(item));
    const left = await shrink(items, fails, 1_000);
    expect(left).toEqual(needed);
    expect(left).toHaveLength(size);
  });

  it('asks no more often than it may', async () => {
    let asked = 0;
    await shrink([...Array(1_000).keys()], async () => (asked++, false), 25);
    expect(asked).toBe(25);
  });
});

describe('an exploration', () => {
  it('finds the seed with which a vote that was not synced makes two leaders, and what it takes', async () => {
    const scenario = electionOf(false);
    const found = await failureOf(scenario, 50);
    expect(found.attempt.failure).toBe('P2P_ERR_CHECK_FAILED: one leader a term');
    expect(found.message).toContain(`again: replay(scenario, '${found.recipe}')`);
    const plan = drawFaults(Number.parseInt(found.recipe, 10), scenario.faults);
    expect(found.recipe.split(',').length).toBeLessThan(plan.length / 2);
    const again = await replay(scenario, found.recipe);
    expect([again.failure, again.hash]).toEqual([found.attempt.failure, found.attempt.hash]);
  });

  it('finds nothing where the vote was synced, and says what was never seen', async () => {
    const { seeds, seen, neverSeen } = await explore({ scenario: electionOf(true), seeds: 20 });
    expect(seeds).toBe(20);
    expect(seen['opened']).toBeGreaterThan(100);
    expect(neverSeen).toContain('closed: writing timeout');
    for (const what of neverSeen) expect(COVERABLE).toContain(what);
  });

  it('sees ends with their codes, refusals, and the counters of nodes', async () => {
    const scenario = defineScenario({
      async run(world) {
        const [a, b] = [
          peerOn(world.host('10.0.0.1'), { codec: lines() }),
          peerOn(world.host('10.0.0.2'), { maxInbound: 1 }),
        ];
        await world.drive(b.node.listen({ host: '0.0.0.0', port: 1 }));
        const connection = await world.drive(a.node.connect('10.0.0.2:1'));
        const late = await world.drive(peerOn(world.host('10.0.0.3')).node.connect('10.0.0.2:1'));
        await world.drive(late.closed);
        connection.trySend('!'); // which the codec of b does not take
        await world.drive(connection.closed);
      },
    });
    const { seen, neverSeen } = await explore({ scenario, seeds: 1 });
    expect(seen).toMatchObject({
      opened: 3,
      'closed: reading invalid-frame': 1,
      'error: P2P_ERR_INVALID_FRAME': 1,
      'refused: P2P_ERR_TOO_MANY_INBOUND': 1,
      'counter: refusedByLimit': 1,
      'counter: openedInbound': 1,
      'counter: openedOutbound': 2,
    });
    for (const what of Object.keys(seen)) expect(COVERABLE).toContain(what);
    expect(neverSeen).toEqual(COVERABLE.filter((what) => !(what in seen)));
    expect(neverSeen).toEqual(expect.arrayContaining(['closed: renegotiation', 'counter: hookErrors']));
  });

  it('of a scenario that fails by itself takes no fault', async () => {
    const scenario = defineScenario({ faults: {}, run: () => Promise.reject(new Error('no 17')) });
    const found = await failureOf(scenario, 3);
    expect([found.recipe, found.attempt.detail]).toEqual(['0:', 'no 17']);
  });

  it('needs recipes that are some', () => {
    expect(() => replay(electionOf(true), 'seven')).toThrow('is not a recipe');
  });
});

describe('the command', () => {
  const program = (name: string): string => fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url));
  const main = fileURLToPath(new URL('../dist/exploration/main.js', import.meta.url));
  const run = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

  it('explores in processes, and prints a line that finds the same again', () => {
    const { status, stdout } = run(program('forgetful-election'), '--seeds', '50', '--processes', '2');
    expect([status, stdout]).toEqual([
      1,
      expect.stringContaining('the check "one leader a term" does not hold'),
    ]);
    const recipe = /--replay (\S+)/.exec(stdout)![1]!;
    const again = run(program('forgetful-election'), '--replay', recipe);
    expect([again.status, again.stdout]).toEqual([1, expect.stringContaining('one leader a term')]);
  });

  it('says what was seen where nothing is found', () => {
    const { status, stdout } = run(program('sound-election'), '--seeds', '4', '--processes', '2');
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/^4 seeds, \d+ events[^]*never seen, [^]*  counter: [^]*hookErrors/),
    ]);
  });

  it.each([
    [3, 'the process ended with 7'],
    [4, 'nobody caught: by itself'],
  ])('a seed whose process dies has failed: %p', (seed, why) => {
    const { status, stdout } = run(program('deadly'), '--seeds', '1', '--from', String(seed));
    expect([status, stdout]).toEqual([1, expect.stringContaining(why)]);
  });

  it('explains itself', () => {
    expect(run()).toMatchObject({ status: 2, stderr: expect.stringContaining('usage: pea2pea-explore') });
    expect(run('x', '--seeds', 'many').stderr).toContain('--seeds takes a whole number');
  });
});
