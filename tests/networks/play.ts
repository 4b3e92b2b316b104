import type { Cause } from './causes.js';
import { outcomeOf, type Outcome } from './outcome.js';
import { SimulatedStage } from './simulated-stage.js';
import type { Stage } from './stage.js';

/** What the simulation tells of a cause. */
export function playSimulated(cause: Cause): Promise<Outcome> {
  return play(cause, new SimulatedStage(cause.options ?? {}));
}

/** Plays a cause, and removes the stage whatever happens. */
export async function play(cause: Cause, stage: Stage): Promise<Outcome> {
  try {
    await cause.play(stage);
    return outcomeOf(stage, cause.times ?? {});
  } finally {
    await stage.close();
  }
}
