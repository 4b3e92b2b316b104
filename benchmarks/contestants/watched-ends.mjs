// Ends of connections of ours under observation.
import { listenWith } from './pea2pea-ends.mjs';
import { watched } from './watched.mjs';

export { dial, lane, startNode } from './pea2pea-ends.mjs';
export const listen = listenWith(watched);
