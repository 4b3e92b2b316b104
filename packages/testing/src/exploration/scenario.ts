import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import type { SimulationOptions, World } from '../simulation/world.js';
import type { Counts } from './coverage.js';
import type { FaultOptions } from './faults.js';

/** What a world is like, but for its seed. */
export type WorldOptions = Omit<SimulationOptions, 'seed'>;

/** What is explored: a program over hosts, in a world that differs with the seed. */
export interface Scenario {
  /** What the worlds are like: all of them, or that of a seed. */
  readonly world?: WorldOptions | ((seed: number) => WorldOptions);
  /** What goes wrong in them. @default nothing but what the network does anyway */
  readonly faults?: FaultOptions;
  /**
   * Makes hosts, lets time pass, and checks: with `world.check` after every event, or in the end. What it throws, or rejects
   * with, is what is found. What it returns is counted, beside what became of connections.
   */
  run(world: World): Promise<Counts | void>;
}

/** Returns `scenario`, as it is: for its type, where a module has it as its default export. */
export function defineScenario(scenario: Scenario): Scenario {
  return scenario;
}

/** Which faults of the plan of a seed happen: `7` all of them, `7:3,9` those with the numbers 3 and 9, `7:` none. */
export interface Recipe {
  readonly seed: number;
  /** Undefined: all. */
  readonly faults?: readonly number[];
}

/** A recipe as a word; see {@link Recipe}. */
export function recipeText({ seed, faults }: Recipe): string {
  return faults === undefined ? String(seed) : `${seed}:${faults.join(',')}`;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG when `text` is not a recipe. */
export function parseRecipe(text: string): Recipe {
  const [, seed, faults] = /^(\d+)(?::((?:\d+(?:,\d+)*)?))?$/.exec(text) ?? [];
  if (seed === undefined || Number(seed) >= 2 ** 32) {
    throw new PeerError('P2P_ERR_INVALID_CONFIG', `${describe(text)} is not a recipe`, {
      remedy: 'write 7 for a seed with all faults of its plan, 7:3,9 for two of them, 7: for none',
    });
  }
  if (faults === undefined) return { seed: Number(seed) };
  return { seed: Number(seed), faults: faults === '' ? [] : faults.split(',').map(Number) };
}
