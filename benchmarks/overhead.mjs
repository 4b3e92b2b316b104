// What the framework costs on top of a bare socket that does the same work, between two processes and in one.
import { contest } from './harness/contest.mjs';
import { nodeContestant } from './harness/traffic.mjs';

const SIZES = [16, 256, 4096, 32 * 1024];

const ONE_PROCESS = { oneProcess: true };
const CONTESTANTS = [
  nodeContestant('bare socket', 'contestants/bare-socket.mjs'),
  { ...nodeContestant('pea2pea', 'contestants/pea2pea.mjs'), against: 'bare socket' },
  nodeContestant('bare socket, one process', 'contestants/bare-socket.mjs', ONE_PROCESS),
  {
    ...nodeContestant('pea2pea, one process', 'contestants/pea2pea.mjs', ONE_PROCESS),
    against: 'bare socket, one process',
  },
];

export const seconds = 60;

export async function run({ seconds, emit }) {
  for (const size of SIZES) {
    emit(await contest('overhead', CONTESTANTS, { size, seconds: seconds / SIZES.length }));
  }
}
