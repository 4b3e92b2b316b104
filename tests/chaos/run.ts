import { describe } from '@pea2pea/core/authoring';
import { ACTIONS } from './actions.js';
import type { MakeNode } from './chaos-node.js';
import type { GroundName } from './ground.js';
import { MachineGround } from './machine-ground.js';
import { collectedHeap, held, whatIsLeft, type Held } from './resources.js';
import type { Figures, Tally } from './tally.js';
import { cameTrue } from './time.js';
import type { Rule, Violation } from './violations.js';
import { work } from './worker.js';
import { World } from './world.js';

/** The heap may be so much larger at the end than after the warm-up. */
const HEAP_GROWTH = 12 * 1024 * 1024;
const QUIET_MS = 5_000;

export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly transport: Exclude<GroundName, 'simulation'>;
  /** Virtual time stands still while anybody works, and makes a run repeatable; for the memory transport only. */
  readonly time: 'real' | 'virtual';
  /** Trace lines to keep. @default 200 */
  readonly keepLines?: number;
  /** The run ends as soon as it is guilty of this. @default it goes on to its end */
  readonly until?: Rule;
  /** How nodes are made. @default as users make them */
  readonly makeNode?: MakeNode;
}

/** What came of a run. */
export interface ChaosReport {
  /** What was run, for people. */
  readonly title: string;
  readonly seed: number;
  readonly tally: Tally;
  readonly figures: Figures;
  readonly trace: readonly string[];
  readonly violations: readonly Violation[];
  /** Those beyond the list included. */
  readonly violationCount: number;
  /** Bytes after the warm-up and at the end, both after a collection. */
  readonly heap: readonly [number | undefined, number | undefined];
}

/** Lets chaos loose on this machine, and answers what came of it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, seconds, transport, time, keepLines = 200, makeNode } = options;
  const ground = new MachineGround(transport, time);
  const world = new World({ seed, ground, keepLines, makeNode });
  const onUnhandled = (error: unknown): void => {
    world.violations.report('unhandled', describe(error));
  };
  process.on('unhandledRejection', onUnhandled);
  process.on('uncaughtException', onUnhandled);
  try {
    const heap = await world.time.drive(twoPhases(world, seconds * 1_000, options.until));
    return reportOf(world, `${seconds} s over ${transport}, ${time} time`, heap);
  } finally {
    process.off('unhandledRejection', onUnhandled);
    process.off('uncaughtException', onUnhandled);
  }
}

export function reportOf(
  { seed, tally, figures, trace, violations }: World,
  title: string,
  heap: ChaosReport['heap'] = [undefined, undefined],
): ChaosReport {
  const { list, count: violationCount } = violations;
  return { title, seed, tally, figures, trace: trace.lines, violations: list, violationCount, heap };
}

/** A warm-up and the run proper; after each everything is closed, so that they can be compared. */
async function twoPhases(
  world: World,
  durationMs: number,
  until: Rule | undefined,
): Promise<ChaosReport['heap']> {
  const before = held();
  const isGuilty = (): boolean => world.violations.list.some(({ rule }) => rule === until);
  const warmUpMs = Math.min(10_000, durationMs / 4);
  await phase(world, warmUpMs, isGuilty);
  await nothingIsHeld(world, before);
  const warm = collectedHeap();
  if (!isGuilty()) await phase(world, durationMs - warmUpMs, isGuilty);
  await nothingIsHeld(world, before);
  const end = collectedHeap();
  if (warm !== undefined && end !== undefined && end - warm > HEAP_GROWTH) {
    world.violations.report('growth', `the heap grew from ${warm} to ${end} bytes`);
  }
  return [warm, end];
}

/** Chaos for so long, on any ground; in the end everything is closed. */
export async function phase(world: World, durationMs: number, isGuilty: () => boolean): Promise<void> {
  const { ground, dice } = world;
  const { clock } = ground.time;
  const { workers, company } = ground.pace;
  const endMs = clock.now() + durationMs;
  ground.onRestart = (place) => void world.listen(world.spawn(place), place.host, 0);
  // Company from the start: most actions need somebody to deal with.
  await Promise.all(Array.from({ length: company }, () => ACTIONS.spawn(world, dice)));
  const working = Array.from({ length: workers }, (_, number) =>
    work(world, number, dice.fork(), () => clock.now() >= endMs || isGuilty()),
  );
  await Promise.all(working);
  ground.onRestart = () => {};
  await Promise.all(world.live.map((chaos) => world.retire(chaos)));
  world.exchange.clear();
  world.trace.note('--', 'everything is closed');
}

async function nothingIsHeld(world: World, before: Held): Promise<void> {
  const isBack = (): boolean => {
    const now = held();
    return now.handles <= before.handles && now.descriptors <= before.descriptors;
  };
  if (await cameTrue(world.time.clock, QUIET_MS, isBack)) return;
  const now = held();
  const what = `${now.handles} socket handles and ${now.descriptors} descriptors are left`;
  const there = `there were ${before.handles} and ${before.descriptors}`;
  world.violations.report('growth', [`${what}, ${there}`, ...whatIsLeft()].join('; '));
}
