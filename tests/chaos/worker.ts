import { ACTIONS, type Action } from './actions.js';
import { Dice } from './dice.js';
import { FAIR_ACTIONS } from './fair-actions.js';
import { RAW_ACTIONS } from './raw-actions.js';
import { RENEGOTIATION_ACTIONS } from './renegotiation-actions.js';
import { starving } from './limits.js';
import { pause } from './time.js';
import type { World } from './world.js';

const TABLE = {
  ...ACTIONS,
  ...RENEGOTIATION_ACTIONS,
  ...RAW_ACTIONS,
  ...FAIR_ACTIONS,
} as const satisfies Record<string, Action>;
type ActionName = keyof typeof TABLE;

/** After so long the weights of all actions are rolled anew. */
const EPOCH_MS = 2_000;
/** Actions that move a lot at once are rarer than others; those that make the world larger are more frequent. */
const FAVOUR: Partial<Record<ActionName, number>> = {
  spawn: 3,
  connect: 6,
  send: 2,
  steady: 2,
  lastWords: 2,
  announce: 2,
  detach: 0.3,
  close: 0.5,
  stampede: 0.3,
  halfOpenFlood: 0.3,
  crowd: 0.3,
  tinyFlood: 0.3,
};

/** How likely each action is in the epoch of now; follows from the seed and the time alone. */
function weightsOf(world: World): ReadonlyMap<ActionName, number> {
  const epoch = Math.floor(world.trace.elapsedMs / EPOCH_MS);
  const dice = new Dice((world.seed ^ (epoch * 0x9e3779b1)) >>> 0);
  const names = Object.keys(TABLE) as ActionName[];
  return new Map(names.map((name) => [name, (FAVOUR[name] ?? 1) * dice.integer(0, 10) + 0.2]));
}

/** Rolls the dice until `isOver`. */
export async function work(world: World, number: number, dice: Dice, isOver: () => boolean): Promise<void> {
  const who = `w${number}`;
  while (!isOver()) {
    const burst = dice.chance(0.1) ? dice.integer(5, 30) : 1;
    for (let left = burst; left > 0 && !isOver(); left--) {
      const name = dice.weighted(weightsOf(world));
      const outcome = await TABLE[name](world, dice);
      world.trace.note(who, `${name}: ${outcome}`);
      world.tally.add(name, name === 'spawn' && outcome.startsWith('n') ? 'ok' : outcome);
      observe(world);
    }
    // The slower the event loop, the less is asked of it.
    await pause(world.time.clock, dice.integer(1, world.ground.pace.restMs) + 2 * world.time.lagMs);
  }
}

/** After every action, all nodes are looked at. */
function observe(world: World): void {
  let connections = 0;
  let connecting = 0;
  let buffered = 0;
  for (const chaos of world.live) {
    world.checkLimits(chaos);
    const found = chaos.starved ? [] : starving(chaos);
    chaos.starved ||= found.length > 0;
    chaos.reportAll('starving', found);
    connections += chaos.node.connections.size;
    connecting += chaos.node.connecting;
    buffered += chaos.node.bufferedBytes;
  }
  world.figures.peak('connections', connections);
  world.figures.peak('connecting', connecting);
  world.figures.peak('buffered bytes', buffered);
  world.figures.peak('lag ms', Math.round(world.time.lagMs));
}
