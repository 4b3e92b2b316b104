import { contestantWith } from './pea2pea.mjs';
import { scraped } from './watched.mjs';

export const { listen, connect } = contestantWith(scraped);
