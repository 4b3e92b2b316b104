import { contestantWith } from './pea2pea.mjs';
import { inspected } from './watched.mjs';

export const { listen, connect } = contestantWith(inspected);
