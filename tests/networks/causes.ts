import { CRASHES } from './causes/crashes.js';
import { CUTS } from './causes/cuts.js';
import { DIALS } from './causes/dials.js';
import { ENDS } from './causes/ends.js';
import { FLOW } from './causes/flow.js';
import type { Times } from './outcome.js';
import type { Stage, StageOptions } from './stage.js';

/** Something that can happen to a connection or a dial, played on both stages. */
export interface Cause {
  readonly name: string;
  readonly options?: StageOptions;
  /** Names of durations, which the outcome says things happened after. */
  readonly times?: Times;
  /** Takes so long that `--fast` leaves it out. */
  readonly isSlow?: true;
  /** Why the simulation tells something else. */
  readonly differs?: string;
  play(stage: Stage): Promise<void>;
}

/** All of them, under the headings of the page. */
export const CAUSES: Readonly<Record<string, readonly Cause[]>> = {
  Dials: DIALS,
  'Ends in order, and resets': ENDS,
  'Processes and machines that die': CRASHES,
  'Cuts, firewalls and translations': CUTS,
  'Windows and buffers': FLOW,
};
