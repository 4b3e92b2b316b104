import type { Attempt } from './attempt.js';
import { parseRecipe } from './scenario.js';

/** A seed with which a scenario fails, the faults that it takes, and the line that replays it. */
export class ExplorationError extends Error {
  override readonly name = 'ExplorationError';
  /** What `replay` takes: `'7:3,9'`. */
  readonly recipe: string;
  readonly attempt: Attempt;

  constructor(recipe: string, attempt: Attempt, module?: string) {
    const { seed, faults = [] } = parseRecipe(recipe);
    const line =
      module === undefined
        ? `replay(scenario, '${recipe}')`
        : `npx pea2pea-explore ${module} --replay ${recipe}`;
    super(
      [
        `seed ${seed}: ${attempt.detail}`,
        ...(faults.length > 0 ? ['it takes:'] : []),
        ...faults.map((fault) => `  ${fault}: ${attempt.faults[fault] ?? 'a fault'}`),
        ...(attempt.trace.length > 0 ? ['what happened last:', ...attempt.trace] : []),
        `again: ${line}`,
      ].join('\n'),
    );
    this.recipe = recipe;
    this.attempt = attempt;
  }
}
