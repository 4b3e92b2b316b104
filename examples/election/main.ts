/**
 * Five nodes elect a leader, and there is a bug: members do not wait until their vote is safe on the disk. Exploration finds
 * the seed with which a term has two leaders, leaves out the faults that it does not take, and replays the rest. Then
 * it looks for the same in the program that was mended.
 *
 *   npm run example election
 *   npm run example election -- --seeds 1000
 */
import { parseArgs } from 'node:util';
import { explore, ExplorationError, replay } from '@pea2pea/testing';
import forgetful from './forgetful.js';
import sound from './sound.js';

const MOST = 100_000;
const seeds = readSeeds();

try {
  await explore({ scenario: forgetful, seeds });
  console.log(`${seeds} seeds are too few to find the bug`);
} catch (error) {
  if (!(error instanceof ExplorationError)) throw error;
  const { attempt, recipe } = error;
  const numbers = recipe.split(':')[1]!.split(',').map(Number);
  console.log('forgetful:', error.what);
  console.log(`takes ${numbers.length} of ${attempt.faults.length} faults:`);
  for (const number of numbers) console.log(`  ${attempt.faults[number]}`);
  const again = await replay(forgetful, recipe);
  console.log(`replay ${recipe}: ${again.hash === attempt.hash ? 'the same' : 'something else'}`);
  console.log(
    `the same faults, and votes that are synced: ${(await replay(sound, recipe)).detail || 'one leader'}`,
  );
}

const { timeMs, seen } = await explore({ scenario: sound, seeds });
console.log(`sound: ${seeds} seeds, ${Math.round(timeMs / 1_000)} s of virtual time, no failure`);
console.log(`  in which connections were lost ${seen['closed: reading stream-error'] ?? 0} times by resets`);
console.log(`  and ${seen['closed: reading idle-timeout'] ?? 0} times by silence`);

function readSeeds(): number {
  try {
    const { values } = parseArgs({ options: { seeds: { type: 'string', default: '200' } } });
    const count = Number(values.seeds);
    if (Number.isInteger(count) && count > 0 && count <= MOST) return count;
    throw new Error(`--seeds must be a whole number from 1 to ${MOST}, not ${values.seeds}`);
  } catch (error) {
    console.error(`${(error as Error).message}\nusage: election [--seeds <number>]`);
    process.exit(2);
  }
}
