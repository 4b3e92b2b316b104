// What encryption costs: the same messages plain and through each secure channel, and through js-libp2p's Noise.
import { contest } from './harness/contest.mjs';
import { rivals } from './harness/rivals.mjs';
import { nodeContestant } from './harness/traffic.mjs';

const SIZES = [16, 256, 4096, 32 * 1024];

const PLAIN = nodeContestant('pea2pea', 'contestants/pea2pea.mjs');
/** Each of them is ours with a plugin: see `contestants/plugged.mjs`. */
const CHANNELS = [
  nodeContestant('pea2pea, noise ChaChaPoly', 'contestants/pea2pea-noise.mjs'),
  nodeContestant('pea2pea, noise AESGCM', 'contestants/pea2pea-noise-aes.mjs'),
  nodeContestant('pea2pea, tls', 'contestants/pea2pea-tls.mjs'),
].map((channel) => ({ ...channel, against: PLAIN.name }));

export const seconds = 120;

export async function run({ seconds, emit, note }) {
  const libp2p = rivals(note).find(({ name }) => name === 'js-libp2p, noise');
  // Contestants of one contest send the same number of messages: beside js-libp2p the others would get too few of them.
  const [forOurs, forLibp2p] = [seconds / 2, seconds / 2].map((share) => share / SIZES.length);
  for (const size of SIZES) {
    emit(await contest('secure', [PLAIN, ...CHANNELS], { size, seconds: forOurs }), { title: 'ours' });
    const [{ against: _, ...noise }] = CHANNELS;
    const field = [noise, { ...libp2p, against: noise.name }];
    emit(await contest('secure', field, { size, seconds: forLibp2p, rounds: 5 }), { title: 'js-libp2p' });
  }
}
