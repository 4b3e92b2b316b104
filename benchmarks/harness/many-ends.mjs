// Starts a contestant that holds many connections, and the crowd at their other ends.
import { fileURLToPath } from 'node:url';
import { LineProcess } from './processes.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Who takes part: ours is compared with the first. */
export const ENDS = [
  { name: 'bare socket', module: path('../contestants/bare-ends.mjs') },
  { name: 'pea2pea', module: path('../contestants/pea2pea-ends.mjs'), against: 'bare socket' },
];

/** Calls `work(ends, crowd)` with both processes, new ones; ends them afterwards. */
export async function withEnds(contestant, work) {
  const ends = startEnds(contestant);
  const crowd = startCrowd(contestant);
  try {
    return await work(ends, crowd);
  } finally {
    await Promise.all([ends.close(), crowd.close()]);
  }
}

export function startEnds({ name, module }) {
  return new LineProcess(name, [process.execPath, '--expose-gc', path('ends.mjs'), module]);
}

export function startCrowd({ name }) {
  return new LineProcess(`the crowd of ${name}`, [process.execPath, path('crowd.mjs')]);
}
