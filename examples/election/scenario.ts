import { defineScenario, type Scenario } from '@pea2pea/testing';
import { Member } from './member.js';

const MEMBERS = [1, 2, 3, 4, 5].map((number) => `10.0.0.${number}`);

/** Twenty seconds of five members, in which machines crash and cables are cut. In no term there may be two leaders. */
export function election(syncsVotes: boolean): Scenario {
  return defineScenario({
    world: { latencyMs: [1, 50] },
    faults: {
      kinds: ['crash', 'partition'],
      every: '500 ms',
      during: '15 s',
      lasting: ['50 ms', '2 s'],
      losesDisks: false,
    },
    async run(world) {
      const leaders = new Map<number, Set<string>>();
      world.check('a term has one leader', () => [...leaders.values()].every(({ size }) => size <= 1));
      for (const address of MEMBERS) {
        const onLeader = (term: number): void => {
          leaders.set(term, (leaders.get(term) ?? new Set()).add(address));
        };
        world.host(address, {
          // Runs again whenever the host starts again.
          boot: ({ config, disk }) =>
            new Member({ address, members: MEMBERS, config, disk, syncsVotes, onLeader }).start(),
        });
      }
      await world.run('20 s');
      // A check that never had anything to look at would hold, too.
      if (leaders.size === 0) throw new Error('nobody was elected');
    },
  });
}
