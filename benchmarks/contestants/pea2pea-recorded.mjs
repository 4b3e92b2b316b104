import { contestantWith } from './pea2pea.mjs';
import { recorded } from './watched.mjs';

export const { listen, connect } = contestantWith(recorded);
