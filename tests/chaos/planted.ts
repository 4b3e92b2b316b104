import { ExplorationError, explore } from '@pea2pea/testing';
import type { Plant } from './plant.js';

/** A run takes seconds; a machine that is busy may take long for them. */
export const TIMEOUT_MS = 20 * 60_000;

/** How much is run, and from which seed on. */
export interface Extent {
  readonly seed: number;
  readonly seeds: number;
  readonly seconds: number;
}

/** The first seed that breaks a promise, and which. */
export interface Found {
  readonly seed: number;
  readonly what: string;
}

/** A copy of chaos and of the kernel below it. */
export interface House {
  /** The URL of this module in that copy. */
  readonly url: string;
  /** Nothing of it is left. */
  remove(): void;
}

/** Builds a {@link House} with a bug in it. */
export type Build = (plant: Plant) => House;

/** What the kernel of this copy of chaos is guilty of; undefined where it is innocent. */
export async function firstViolation({ seed, seeds, seconds }: Extent): Promise<Found | undefined> {
  const scenario = new URL(`scenario.js?seconds=${seconds}`, import.meta.url);
  try {
    await explore({ scenario, from: seed, seeds, processes: 1, shrinks: 0, timeoutMs: TIMEOUT_MS });
    return undefined;
  } catch (error) {
    if (!(error instanceof ExplorationError)) throw error;
    return { seed: Number.parseInt(error.recipe), what: error.attempt.detail };
  }
}

/**
 * Plants each bug and looks for it, `processes` at a time. A violation counts where the kernel without the bug is innocent with
 * the same seed. Returns how many bugs were not found.
 */
export async function findPlanted(
  plants: readonly Plant[],
  build: Build,
  extent: Extent,
  processes: number,
): Promise<number> {
  let missed = 0;
  const left = [...plants];
  const work = async (): Promise<void> => {
    for (let plant = left.shift(); plant !== undefined; plant = left.shift()) {
      const house = build(plant);
      try {
        const altered = (await import(house.url)) as { firstViolation: typeof firstViolation };
        const found = await altered.firstViolation(extent);
        const sound = found && (await firstViolation({ ...extent, seed: found.seed, seeds: 1 }));
        if (found === undefined || sound !== undefined) missed++;
        console.log(verdict(plant, extent, found, sound));
      } finally {
        house.remove();
      }
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  console.log(`${plants.length - missed} of ${plants.length} planted bugs were found`);
  return missed;
}

function verdict(plant: Plant, { seed, seeds }: Extent, found?: Found, sound?: Found): string {
  const bug = `${plant.name}: ${plant.sentence}`;
  if (found === undefined) return `not found in ${seeds} seeds: ${bug}`;
  if (sound !== undefined) return `the kernel without it is guilty, too (${sound.what}): ${bug}`;
  const count = found.seed - seed + 1;
  return `found after ${count} ${count === 1 ? 'seed' : 'seeds'}: ${bug}\n    ${found.what}`;
}
