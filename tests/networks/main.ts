import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { CAUSES, type Cause } from './causes.js';
import type { Outcome } from './outcome.js';
import { render, writeToPage } from './page.js';
import { drawPlan, kindsOf, kindsSimulated, PLAN_STAGE, playPlan, SIMULATED_SEEDS } from './plan.js';
import { play, playSimulated } from './play.js';
import { RealStage } from './real-stage.js';
import { savedResults, saveResults, type Results } from './results.js';

// Plays causes in namespaces. scripts/networks.mjs starts it where nothing that it makes can stay: see there.

/** So many causes are played at once: they wait most of the time. */
const AT_ONCE = 8;
/** A machine that is busy is late, and times have names: what is not as expected is played again. */
const TRIES = 3;

/** No run takes so long: it ends then, whatever it waits for, and all that it started with it. */
const LIMIT_MS = 10 * 60_000;
setTimeout(() => {
  console.error(`not done after ${LIMIT_MS} ms`);
  process.exit(1);
}, LIMIT_MS);

const agentFile = fileURLToPath(new URL('agent-main.js', import.meta.url));
const [folder, page, ...args] = process.argv.slice(2) as [string, string, ...string[]];
const words = args.filter((arg) => !arg.startsWith('--'));
const [isFast, writes] = [args.includes('--fast'), args.includes('--write')];

const all = Object.values(CAUSES).flat();
const chosen = all.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const causes = chosen.filter(({ isSlow }) => !isFast || isSlow !== true);
const simulated = new Map<string, Outcome>();
for (const cause of all) simulated.set(cause.name, await playSimulated(cause));

const saved = savedResults(folder);
const here: Omit<Results, 'outcomes' | 'kinds'> = {
  kernel: release().split('.').slice(0, 2).join('.'),
  node: process.versions.node.split('.')[0]!,
};
const isComparable = saved.kernel === here.kernel && saved.node === here.node;
const outcomes: Record<string, Outcome> = {};
const failures: string[] = [];

/** What is wrong with an outcome; undefined where nothing is. */
function complaint({ name, differs }: Cause, real: Outcome): string | undefined {
  const isSame = isDeepSame(real, simulated.get(name)!);
  if (isSame && differs !== undefined) return 'is the same in the simulation, though it is said to differ';
  if (!isSame && differs === undefined) return 'is not what the simulation tells';
  const before = saved.outcomes[name];
  if (writes || !isComparable || before === undefined || isDeepSame(real, before)) return undefined;
  return 'is not what was written down';
}

function isDeepSame(a: Outcome, b: Outcome): boolean {
  return a.node === b.node && a.socket === b.socket;
}

async function playReal(cause: Cause, index: number): Promise<void> {
  let wrong: string | undefined;
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      const stage = await RealStage.open(`p2p${index}-${tries}`, cause.options ?? {}, agentFile);
      const real = await play(cause, stage);
      outcomes[cause.name] = real;
      wrong = complaint(cause, real);
      if (wrong === undefined) break;
      wrong += ['', ...linesOf('real', real), ...linesOf('simulated', simulated.get(cause.name)!)].join(
        '\n  ',
      );
    } catch (error) {
      wrong = `could not be played: ${(error as Error).message}`;
    }
  }
  if (wrong === undefined) return;
  failures.push(cause.name);
  console.log(`${cause.name}: ${wrong}`);
}

function linesOf(where: string, { node, socket }: Outcome): string[] {
  return [`${where}, our node: ${node}`, `${where}, a bare socket: ${socket}`];
}

/** The seeds of plans, where no causes are chosen. */
const seeds = words.length > 0 ? [] : isFast ? [1, 2] : [1, 2, 3, 4, 5, 6, 7, 8];
const told = await kindsSimulated(seeds.length > 0 ? SIMULATED_SEEDS : 0);
const kinds = new Set<string>();

async function playRealPlan(seed: number): Promise<void> {
  const missing: string[] = [];
  try {
    const stage = await RealStage.open(`plan${seed}`, PLAN_STAGE, agentFile);
    try {
      await playPlan(stage, drawPlan(seed));
    } finally {
      await stage.close();
    }
    for (const kind of kindsOf(stage)) {
      if (told.has(kind)) kinds.add(kind);
      else missing.push(kind);
    }
  } catch (error) {
    missing.push(`it could not be played: ${(error as Error).message}`);
  }
  if (missing.length === 0) return;
  failures.push(`plan ${seed}`);
  console.log(`plan ${seed}: the simulation never tells\n  ${missing.join('\n  ')}`);
}

const work = [
  ...causes.map((cause, index) => () => playReal(cause, index)),
  ...seeds.map((seed) => () => playRealPlan(seed)),
];
const left = work.values();
async function workThrough(): Promise<void> {
  for (const play of left) await play();
}
await Promise.all(Array.from({ length: AT_ONCE }, workThrough));

if (writes) {
  writeToPage(page, render(saveResults(folder, { ...here, outcomes, kinds: [...kinds] }), simulated));
  console.log(`wrote ${page}`);
} else if (!isComparable) {
  const [theirs, ours] = [saved, here].map(({ kernel, node }) => `Linux ${kernel}, Node.js ${node}`);
  console.log(`written down was ${theirs}; this is ${ours}, and compared with the simulation alone`);
}
const skipped = chosen.length - causes.length;
const why = skipped === 0 ? '' : ' (--fast)';
console.log(`${work.length - failures.length} passed, ${failures.length} failed, ${skipped} skipped${why}`);
process.exit(failures.length === 0 ? 0 : 1);
