import { availableParallelism } from 'node:os';
import { ExplorationError, explore } from '@pea2pea/testing';
import { ArgumentError, parseArguments, USAGE, type Arguments } from './arguments.js';
import { findPlanted, TIMEOUT_MS, type Build } from './planted.js';
import { PLANTS } from './plants.js';
import { runChaos } from './run.js';
import { runSimulated } from './simulated.js';
import { summarize } from './summary.js';

/**
 * The command; returns the exit code.
 *
 * @param build makes copies of chaos and the kernel, with a bug in each
 */
export async function main(argv: readonly string[], build: Build): Promise<number> {
  let options;
  try {
    options = parseArguments(argv);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    return 2;
  }
  const { seed, seconds, transport, time, seeds, replay, planted } = options;
  if (planted !== undefined) return findBugs(options, planted, build);
  if (seeds !== undefined) return exploreSeeds(options, seeds);
  const report =
    transport === 'simulation'
      ? await runSimulated(replay ?? String(seed), { seconds })
      : await runChaos({ seed, seconds, transport, time });
  console.log(summarize(report));
  return report.violationCount === 0 ? 0 : 1;
}

async function findBugs(
  { seed, seconds, seeds = 1_000, processes = availableParallelism() }: Arguments,
  name: string,
  build: Build,
): Promise<number> {
  const plants = PLANTS.filter((plant) => name === 'all' || plant.name === name);
  if (plants.length === 0) {
    console.error(`there is no planted bug ${name}:`, PLANTS.map((plant) => plant.name).join(', '));
    return 2;
  }
  return (await findPlanted(plants, build, { seed, seeds, seconds }, processes)) === 0 ? 0 : 1;
}

async function exploreSeeds({ seed, seconds, processes }: Arguments, seeds: number): Promise<number> {
  const startedMs = performance.now();
  const scenario = new URL(`scenario.js?seconds=${seconds}`, import.meta.url);
  const again = (recipe: string): string => `npm run chaos -- --seconds ${seconds} --replay ${recipe}`;
  const tookMs = (): number => performance.now() - startedMs;
  let done = 0;
  const onSeed = (): void => {
    if (++done % 50 === 0) console.error(`${done} of ${seeds} seeds, ${Math.round(tookMs() / 1_000)} s`);
  };
  try {
    const found = await explore({
      scenario,
      seeds,
      from: seed,
      again,
      timeoutMs: TIMEOUT_MS,
      onSeed,
      ...(processes !== undefined && { processes }),
    });
    for (const [what, count] of Object.entries(found.seen)) console.log(`  ${what}: ${count}`);
    console.log(`never seen: ${found.neverSeen.join(', ')}`);
    const aMinute = ((seeds * 60_000) / tookMs()).toFixed(0);
    console.log(
      `${seeds} seeds from ${seed}, ${found.steps} events, ${aMinute} seeds a minute; no violation`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof ExplorationError)) throw error;
    console.log(error.message);
    return 1;
  }
}
