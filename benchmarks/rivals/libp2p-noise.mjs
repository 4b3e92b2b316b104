import { noise } from '@chainsafe/libp2p-noise';
import { contestantWith } from './libp2p.mjs';

export const { listen, connect } = contestantWith(noise());
