import { describe } from '@pea2pea/core/authoring';
import { SimulationError } from '../simulation/simulation-error.js';
import { simulate } from '../simulation/world.js';
import { Coverage, type Counts } from './coverage.js';
import { describeFault, drawFaults } from './faults.js';
import { playFaults } from './play-faults.js';
import type { Recipe, Scenario } from './scenario.js';

/** What came of one run of a scenario: plain data, which crosses processes. */
export interface Attempt {
  /** Which failure it is, so that two can be told apart; undefined where there is none. */
  readonly failure: string | undefined;
  /** What it says. */
  readonly detail: string;
  /** The hash of the trace. */
  readonly hash: string;
  /** The last lines of it. */
  readonly trace: readonly string[];
  /** Events that happened. */
  readonly steps: number;
  /** Virtual time when it ended, in milliseconds. */
  readonly timeMs: number;
  /** The faults of the plan, one line each, by number. */
  readonly faults: readonly string[];
  /** What became of connections, and how often. */
  readonly seen: Counts;
}

/** Runs a scenario once. It never rejects. */
export async function attempt(scenario: Scenario, recipe: Recipe): Promise<Attempt> {
  const { seed } = recipe;
  const options = typeof scenario.world === 'function' ? scenario.world(seed) : scenario.world;
  const world = simulate({ ...options, seed });
  const plan = scenario.faults === undefined ? [] : drawFaults(seed, scenario.faults);
  const chosen =
    recipe.faults === undefined ? plan : plan.filter((_, index) => recipe.faults!.includes(index));
  const coverage = new Coverage();
  let error: unknown;
  let hasFailed = false;
  try {
    playFaults(world, chosen);
    const counts = await scenario.run(world);
    if (counts !== undefined) coverage.add(counts);
  } catch (thrown) {
    hasFailed = true;
    error = thrown;
  } finally {
    coverage.stop();
  }
  return {
    failure: hasFailed ? nameOf(error) : undefined,
    detail: hasFailed ? (error instanceof SimulationError ? error.what : describe(error)) : '',
    hash: world.trace.hash,
    trace: hasFailed ? world.trace.lines.slice(-30) : [],
    steps: world.steps,
    timeMs: world.nowMs,
    faults: plan.map(describeFault),
    seen: coverage.counts,
  };
}

/** Without what differs from seed to seed: times, ports. */
function nameOf(error: unknown): string {
  if (!(error instanceof SimulationError)) return describe(error).replace(/\d+/g, 'N');
  const { code, subject, cause } = error;
  return `${code}: ${subject}${cause === undefined ? '' : `: ${nameOf(cause)}`}`;
}
