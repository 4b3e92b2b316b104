import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { drawFaults, FAULT_KINDS, playFaults, simulate, type Fault } from '@pea2pea/testing';
import { faultPlans, worldSeeds } from '@pea2pea/testing/fast-check';
import { peerOn } from './simulation-lab.js';

describe('plans of faults', () => {
  it('are those that a drawn plan could be, in the order of time', () => {
    const keysOf = (fault: Fault): string => Object.keys(fault).sort().join();
    const drawn = new Map(drawFaults(1, { during: '30 min' }).map((fault) => [fault.kind, keysOf(fault)]));
    expect(drawn.size).toBe(FAULT_KINDS.length);
    const seen = new Set<string>();
    const options = { during: '10 s', lasting: ['1 s', '2 s'], maxFaults: 8 } as const;
    fc.assert(
      fc.property(faultPlans(options), (plan) => {
        expect(plan.length).toBeLessThanOrEqual(8);
        expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).sort((a, b) => a - b));
        for (const fault of plan) {
          seen.add(fault.kind);
          expect(keysOf(fault)).toBe(drawn.get(fault.kind));
          expect(fault.atMs).toBeLessThanOrEqual(10_000);
          expect(fault.forMs >= 1_000 && fault.forMs <= 2_000).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
    expect([...seen].sort()).toEqual([...FAULT_KINDS].sort());
  });

  it('have only what they may', () => {
    fc.assert(
      fc.property(faultPlans({ kinds: ['crash'], losesDisks: false }), (plan) =>
        plan.every((fault) => fault.kind === 'crash' && fault.disk === 'kept'),
      ),
    );
  });

  it('shrink to the one fault that a failure takes, as mild as it can be', async () => {
    const find = () =>
      fc.assert(
        fc.asyncProperty(
          worldSeeds(),
          faultPlans({ kinds: ['cut', 'stall', 'crash'] }),
          async (seed, plan) => {
            const world = simulate({ seed });
            const host = world.host('10.0.0.1');
            world.check('it does not crash', () => host.incarnation.isAlive);
            playFaults(world, plan);
            await world.run('2 min');
          },
        ),
        { seed: 1, numRuns: 50 },
      );
    const { message } = (await find().catch((error: unknown) => error)) as Error;
    const [, counterexample = ''] = /Counterexample: (.*)/.exec(message)!;
    expect(JSON.parse(counterexample)).toEqual([
      0,
      [{ kind: 'crash', atMs: 0, forMs: 100, host: 0, how: 'process', disk: 'kept' }],
    ]);
  });

  it('play in a world in which peers connect again', async () => {
    await fc.assert(
      fc.asyncProperty(worldSeeds(), faultPlans({ during: '20 s', maxFaults: 6 }), async (seed, plan) => {
        const world = simulate({ seed });
        for (const address of ['10.0.0.1', '10.0.0.2']) {
          world.host(address, {
            boot: async (host) => void (await peerOn(host).node.listen({ host: '0.0.0.0', port: 1 })),
          });
        }
        playFaults(world, plan);
        await world.run('3 min');
        const { node } = peerOn(world.host('10.0.0.9'), { connectTimeoutMs: 1_000 });
        for (const address of ['10.0.0.1', '10.0.0.2']) await world.drive(node.connect(`${address}:1`));
      }),
      { numRuns: 25 },
    );
  });
});
