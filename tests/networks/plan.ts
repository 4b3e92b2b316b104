import { drawFaults, type Fault } from '@pea2pea/testing';
import { SimulatedStage } from './simulated-stage.js';
import { ADDRESSES, type HostName, type Stage, type StageCut, type StageOptions } from './stage.js';

/** Nodes that give up soon, so that there is something to see. */
export const PLAN_STAGE: StageOptions = {
  agents: { idleTimeoutMs: 2_000, writeTimeoutMs: 2_000, connectTimeoutMs: 1_500 },
};
/** With so many, the simulation tells all that it has to tell of plans. */
export const SIMULATED_SEEDS = 200;
const [DURING_MS, TICK_MS] = [10_000, 100];
/** What both say, and how often `a` dials, in ticks. */
const [SAYS_EVERY, DIALS_EVERY] = [3, 12];

/** A plan as explorations have them, of what can be done to namespaces as well. */
export function drawPlan(seed: number): Fault[] {
  const kinds = ['cut', 'partition', 'hold', 'crash', 'stall'] as const;
  const options = {
    kinds,
    every: '2 s',
    during: DURING_MS,
    lasting: ['300 ms', '3 s'],
    losesDisks: false,
  } as const;
  return drawFaults(seed, options);
}

/** Has the faults of a plan happen on a stage, while `a` dials again and again, and both talk. */
export async function playPlan(stage: Stage, plan: readonly Fault[]): Promise<void> {
  const idle = { a: 0, b: 0 };
  const steps = plan.flatMap((fault) => stepsOf(stage, fault, idle)).sort((one, two) => one.atMs - two.atMs);
  await stage.tell('b', { do: 'listen' });
  stage.begin();
  for (let tick = 0; tick * TICK_MS < DURING_MS + 4_000; tick++) {
    for (; steps[0] !== undefined && steps[0].atMs <= tick * TICK_MS; steps.shift()) await steps[0].run();
    if (tick % SAYS_EVERY === 1) {
      for (const host of ['a', 'b'] as const) {
        if (idle[host] === 0) stage.launch(host, { do: 'say', bytes: 10 });
      }
    }
    if (tick % DIALS_EVERY === 0 && idle.a === 0) stage.launch('a', { do: 'dial', host: ADDRESSES.b });
    await stage.pass(TICK_MS);
  }
}

/** What agents saw, each thing once, without the time. */
export function kindsOf({ facts }: Stage): string[] {
  const kinds = facts.map(({ host, layer, what }) => `${host}, ${layer}: ${what.replace(/\d+$/, '')}`.trim());
  return [...new Set(kinds)].sort();
}

/** All that the simulation tells of the plans of many seeds. */
export async function kindsSimulated(seeds: number): Promise<ReadonlySet<string>> {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= seeds; seed++) {
    const stage = new SimulatedStage(PLAN_STAGE);
    await playPlan(stage, drawPlan(seed));
    for (const kind of kindsOf(stage)) kinds.add(kind);
  }
  return kinds;
}

/** How a fault begins and ends. `idle` counts what keeps the process of a host from doing anything. */
function stepsOf(stage: Stage, fault: Fault, idle: Record<HostName, number>) {
  const host: HostName = fault.host < 0.5 ? 'a' : 'b';
  const between = (begin: () => Promise<void>, end: () => Promise<void>) => [
    { atMs: fault.atMs, run: begin },
    { atMs: fault.atMs + fault.forMs, run: end },
  ];
  const cut = (how: StageCut) =>
    between(
      () => stage.cut(how),
      () => stage.heal(),
    );
  switch (fault.kind) {
    case 'cut':
      if (fault.how === 'with-reset') return cut('reset');
      if (fault.how === 'unreachable') return cut('prohibited');
      return cut(fault.how === 'silently' ? 'both' : host === 'a' ? 'a-to-b' : 'b-to-a');
    case 'partition':
      return cut('both');
    case 'hold': // nothing holds packets there; what is dropped comes later, too
      return cut(host === 'a' ? 'a-to-b' : 'b-to-a');
    case 'crash': {
      let isOurs = false;
      const begin = async (): Promise<void> => {
        isOurs = idle[host]++ === 0;
        if (isOurs) await stage.crash(host, fault.how);
      };
      const end = async (): Promise<void> => {
        idle[host]--;
        if (!isOurs) return;
        await stage.restart(host);
        if (host === 'b') await stage.tell('b', { do: 'listen' });
      };
      return between(begin, end);
    }
    case 'suspend':
    case 'drift':
    case 'jump':
      throw new Error(`nothing does that to a namespace: ${fault.kind}`);
    case 'stall':
      return between(
        async () => {
          if (idle[host]++ === 0) await stage.stall(host, fault.forMs);
        },
        async () => {
          idle[host]--;
        },
      );
  }
}
