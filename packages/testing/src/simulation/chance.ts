import type { Random } from '@pea2pea/core';
import { seededRandom } from '@pea2pea/core/testing';

/**
 * A source of chance of its own for everything that has a name. What one of them draws does not change what another one
 * draws, so that a host or a fault more or less leaves the rest of a world as it was.
 */
export function chanceOf(seed: number, name: string): Random {
  return seededRandom(hashOf(name, seed));
}

/** 32 bits that follow from the characters of `text` (FNV-1a). */
export function hashOf(text: string, start = 0): number {
  let hash = (0x811c9dc5 ^ start) >>> 0;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** A number from `min` to `max`. */
export function between(random: Random, [min, max]: readonly [number, number]): number {
  return min + random.next() * (max - min);
}
