// The same work done by pea2pea, by its original in Rust, and by what else people build peers with.
import { contest } from './harness/contest.mjs';
import { rivals } from './harness/rivals.mjs';
import { rustOriginal } from './harness/rust-original.mjs';
import { nodeContestant } from './harness/traffic.mjs';

const SIZES = [16, 256, 4096, 32 * 1024];

export const seconds = 240;

export async function run({ seconds, emit, note }) {
  const ours = nodeContestant('pea2pea', 'contestants/pea2pea.mjs');
  const original = rustOriginal(note);
  const others = rivals(note);
  // Contestants of one contest send the same number of messages. The original is about as fast as we are, the others are
  // not: with them in one contest it would get too few messages for a good figure. So it has one of its own.
  const [forOriginal, forOthers] = [seconds / 3, (seconds * 2) / 3].map((share) => share / SIZES.length);
  for (const size of SIZES) {
    const duel = [original, { ...ours, against: original.name }];
    emit(await contest('peers', duel, { size, seconds: forOriginal }), { title: 'the original' });
    const field = [ours, ...others.map((other) => ({ ...other, against: ours.name }))];
    emit(await contest('peers', field, { size, seconds: forOthers, rounds: 5 }), { title: 'others' });
  }
}
