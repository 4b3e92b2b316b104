// Ours with the noise plugin and the suite of libp2p.
import { generateKeyPair, noise } from '@pea2pea/noise';
import { contestantWith } from './plugged.mjs';

const pattern = 'Noise_XX_25519_ChaChaPoly_SHA256';

export const { listen, connect } = contestantWith(() => [noise({ pattern, staticKey: generateKeyPair() })]);
