import { plaintext } from '@libp2p/plaintext';
import { contestantWith } from './libp2p.mjs';

export const { listen, connect } = contestantWith(plaintext());
