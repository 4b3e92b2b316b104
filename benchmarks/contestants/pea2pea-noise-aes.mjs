// Ours with the noise plugin and the cipher that processors have instructions for.
import { generateKeyPair, noise } from '@pea2pea/noise';
import { contestantWith } from './plugged.mjs';

const pattern = 'Noise_XX_25519_AESGCM_SHA256';

export const { listen, connect } = contestantWith(() => [noise({ pattern, staticKey: generateKeyPair() })]);
