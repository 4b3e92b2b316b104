/// <reference types="node" preserve="true" />
export { NOISE_ERRORS } from './errors.js';
export { generateKeyPair, publicKeyOf } from './dh.js';
export type { NoiseKeyPair } from './dh.js';
export { loadOrCreateKey } from './key-file.js';
export { noise, Noise, noiseSession } from './noise.js';
export { noiseHandshake } from './noise-handshake.js';
export type { NoiseChannel, NoiseSession, NoiseWire } from './noise-handshake.js';
export { NOISE_DEFAULTS } from './options.js';
export type {
  NoiseHandshakeOptions,
  NoiseMessage,
  NoiseOptions,
  NoiseRemote,
  NoiseSecrets,
  NoiseState,
} from './options.js';
