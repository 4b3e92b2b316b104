import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { attempt, type Attempt } from './attempt.js';
import { addCounts, neverSeen, type Counts } from './coverage.js';
import { ExplorationError } from './exploration-error.js';
import { inThisProcess, ProcessRunner, type Runner } from './runners.js';
import { parseRecipe, recipeText, type Recipe, type Scenario } from './scenario.js';
import { shrink } from './shrink.js';

/** What to explore, and how much of it. */
export interface ExploreOptions {
  /** A scenario, which runs in this process; or the module of one, as a path or URL, which runs in several. */
  readonly scenario: Scenario | string | URL;
  /** How many seeds. @default 100 */
  readonly seeds?: number;
  /** The first. @default 0 */
  readonly from?: number;
  /** How many processes, where the scenario has a module. @default one for each core */
  readonly processes?: number;
  /** How long one run may take by the clock on the wall, in a process of its own. @default 60_000 */
  readonly timeoutMs?: number;
  /** How often a failure is run again to find out which faults it takes. @default 200 */
  readonly shrinks?: number;
  /** The line that replays a failure, for people. @default that of `pea2pea-explore`, or of {@link replay} */
  readonly again?: (recipe: string) => string;
  /** Called after each seed. */
  readonly onSeed?: (seed: number) => void;
}

interface Failure {
  readonly seed: number;
  readonly outcome: Attempt;
}

/** What an exploration without a failure has seen. */
export interface Exploration {
  /** How many seeds were run. */
  readonly seeds: number;
  /** Events, over all seeds. */
  readonly steps: number;
  /** Virtual time over all seeds, in milliseconds. */
  readonly timeMs: number;
  /** What became of nodes and connections, and how often; see {@link COVERABLE}. */
  readonly seen: Counts;
  /** What of {@link COVERABLE} never happened, so that nothing about it was put to the test. */
  readonly neverSeen: readonly string[];
}

/**
 * Runs a scenario with many seeds. Where one fails, finds the fewest faults of its plan that it takes.
 *
 * @throws {ExplorationError} the failure of the lowest seed that was found to fail, with the recipe that replays it.
 */
export async function explore(options: ExploreOptions): Promise<Exploration> {
  const { seeds = 100, from = 0, shrinks = 200, onSeed } = options;
  const runners = runnersOf(options);
  const seen: Record<string, number> = {};
  const sum = { steps: 0, timeMs: 0 };
  let next = from;
  const failures: Failure[] = [];
  const work = async (runner: Runner): Promise<void> => {
    while (next < from + seeds && failures.length === 0) {
      const seed = next++;
      const outcome = await runner.run({ seed });
      addCounts(seen, outcome.seen);
      sum.steps += outcome.steps;
      sum.timeMs += outcome.timeMs;
      onSeed?.(seed);
      if (outcome.failure !== undefined) failures.push({ seed, outcome });
    }
  };
  try {
    await Promise.all(runners.map(work));
    const [lowest] = failures.sort((a, b) => a.seed - b.seed);
    if (lowest === undefined) return { seeds, ...sum, seen, neverSeen: neverSeen(seen) };
    throw await smallest(runners[0]!, options, lowest, shrinks);
  } finally {
    for (const runner of runners) runner.end();
  }
}

/** Runs a scenario once more, as a recipe says: `'7'`, or `'7:3,9'`. It does not reject. */
export function replay(scenario: Scenario, recipe: string): Promise<Attempt> {
  return attempt(scenario, parseRecipe(recipe));
}

/** A path or URL as the URL of a module. */
export function moduleOf(scenario: string | URL): string {
  if (scenario instanceof URL) return scenario.href;
  return scenario.startsWith('file:') ? scenario : pathToFileURL(resolve(scenario)).href;
}

function runnersOf({ scenario, processes, timeoutMs = 60_000 }: ExploreOptions): readonly Runner[] {
  if (typeof scenario === 'object' && !(scenario instanceof URL)) return [inThisProcess(scenario)];
  const module = moduleOf(scenario);
  const count = Math.max(1, processes ?? availableParallelism());
  return Array.from({ length: count }, () => new ProcessRunner(module, timeoutMs));
}

function againOf(scenario: Scenario | string | URL): (recipe: string) => string {
  const isHere = typeof scenario === 'object' && !(scenario instanceof URL);
  if (isHere) return (recipe) => `replay(scenario, '${recipe}')`;
  return (recipe) => `npx pea2pea-explore ${String(scenario)} --replay ${recipe}`;
}

async function smallest(
  runner: Runner,
  { scenario, again }: ExploreOptions,
  { seed, outcome }: Failure,
  most: number,
): Promise<ExplorationError> {
  let best = outcome;
  let recipe: Recipe = { seed };
  const isSame = async (faults: readonly number[]): Promise<boolean> => {
    const again = await runner.run({ seed, faults });
    if (again.failure !== outcome.failure) return false;
    best = again;
    recipe = { seed, faults };
    return true;
  };
  if (outcome.faults.length > 0) await shrink([...outcome.faults.keys()], isSame, most);
  return new ExplorationError(recipeText(recipe), best, again ?? againOf(scenario));
}
