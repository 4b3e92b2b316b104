import type { Suite } from './harness/suite.js';
import { yamux } from './streams/yamux.js';

/** Everything that `npm run interop` runs. */
export const SUITES: readonly Suite[] = [yamux];
