import { describe } from '@pea2pea/core/authoring';
import { defineScenario, replay, type Attempt, type Counts, type Scenario } from '@pea2pea/testing';
import { phase, reportOf, type ChaosReport } from './run.js';
import { networkOf, SimulatedGround } from './simulated-ground.js';
import { World } from './world.js';

/** Faults are over so long before the end of a run: all hosts are back when accounts are settled. */
const CALM_MS = 6_000;
/** Longer than the systems of a world try to reach somebody. */
const QUIET = '3 min';

export interface SimulatedOptions {
  /** Of virtual time. */
  readonly seconds: number;
  /** Trace lines to keep. @default 60 */
  readonly keepLines?: number;
  /** Called with the world of a run, before anything happens in it. */
  readonly onWorld?: (world: World) => void;
}

/** Chaos on a simulated network, and a plan of faults; it ends as soon as a promise is broken. */
export function chaosScenario({ seconds, keepLines = 60, onWorld }: SimulatedOptions): Scenario {
  const durationMs = seconds * 1_000;
  const during = Math.max(durationMs - 2 * CALM_MS, durationMs / 4);
  return defineScenario({
    world: networkOf,
    faults: { every: '700 ms', during, lasting: ['20 ms', CALM_MS] },
    async run(simulation) {
      const world = new World({ seed: simulation.seed, ground: new SimulatedGround(simulation), keepLines });
      onWorld?.(world);
      simulation.check('every promise is kept', () => {
        const [first] = world.violations.list;
        if (first !== undefined) throw new Error(`${first.rule}: ${first.what}`);
      });
      await world.time.drive(phase(world, durationMs, () => false));
      await simulation.until('no connection outlives everybody', () => simulation.connections === 0, QUIET);
      return countsOf(world);
    },
  });
}

/** What a run has done, for a coverage. */
function countsOf({ tally, figures }: World): Counts {
  const counts: Record<string, number> = {};
  for (const { action, outcomes } of tally.rows()) {
    for (const [outcome, count] of outcomes) counts[`${action}: ${outcome}`] = count;
  }
  for (const [counter, sum] of figures.sums) counts[`all nodes: ${counter}`] = sum;
  return counts;
}

/** What came of one run of a scenario. */
export interface SimulatedReport extends ChaosReport {
  readonly attempt: Attempt;
}

/** One run in this process. @param recipe a seed, and which faults of its plan happen: `'7:3,9'` */
export async function runSimulated(recipe: string, options: SimulatedOptions): Promise<SimulatedReport> {
  let world: World | undefined;
  const scenario = chaosScenario({ ...options, onWorld: (made) => (world = made) });
  const onUnhandled = (error: unknown): void => world?.violations.report('unhandled', describe(error));
  process.on('unhandledRejection', onUnhandled);
  process.on('uncaughtException', onUnhandled);
  try {
    const attempt = await replay(scenario, recipe);
    const title = `${options.seconds} s in a simulated network, ${attempt.faults.length} faults, recipe ${recipe}`;
    const report = reportOf(world!, title);
    if (attempt.failure !== undefined && report.violationCount === 0)
      world!.violations.report('growth', attempt.detail);
    return { ...reportOf(world!, title), attempt };
  } finally {
    process.off('unhandledRejection', onUnhandled);
    process.off('uncaughtException', onUnhandled);
  }
}
