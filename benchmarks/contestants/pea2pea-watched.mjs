import { contestantWith } from './pea2pea.mjs';
import { watched } from './watched.mjs';

export const { listen, connect } = contestantWith(watched);
