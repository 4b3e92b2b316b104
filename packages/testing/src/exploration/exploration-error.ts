import { PeerError } from '@pea2pea/core';
import type { Attempt } from './attempt.js';
import { parseRecipe } from './scenario.js';

/**
 * Tells of a seed with which a scenario fails, the faults that it takes, and the line that replays it. Its code is
 * P2P_ERR_EXPLORATION_FAILED.
 */
export class ExplorationError extends PeerError {
  /** What `replay` takes, such as `'7:3,9'`: the seed, and the faults of its plan by number. */
  readonly recipe: string;
  /** The run with the fewest faults that failed. */
  readonly attempt: Attempt;

  /**
   * Made by `explore`.
   *
   * @param again the line that replays a recipe
   * @internal
   */
  constructor(recipe: string, attempt: Attempt, again: (recipe: string) => string) {
    const { seed, faults = [] } = parseRecipe(recipe);
    const more = [
      ...(faults.length > 0 ? ['it takes:'] : []),
      ...faults.map((fault) => `  ${fault}: ${attempt.faults[fault] ?? 'a fault'}`),
      ...(attempt.trace.length > 0 ? ['what happened last:', ...attempt.trace] : []),
      `again: ${again(recipe)}`,
    ];
    super('P2P_ERR_EXPLORATION_FAILED', `seed ${seed}: ${attempt.detail}`, {
      remedy: `replay it, under a debugger if you like\n${more.join('\n')}`,
    });
    this.recipe = recipe;
    this.attempt = attempt;
  }
}
