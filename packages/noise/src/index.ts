export { NOISE_ERRORS } from './errors.js';
export { generateKeyPair, publicKeyOf } from './dh.js';
export type { NoiseKeyPair } from './dh.js';
export { HandshakeState } from './handshake-state.js';
export type { HandshakeStateOptions } from './handshake-state.js';
export { noise, Noise, noiseIdentity, noiseSession } from './noise.js';
export { noiseHandshake } from './noise-handshake.js';
export type { NoiseChannel, NoiseSession, NoiseWire } from './noise-handshake.js';
export { NoiseStream } from './noise-stream.js';
export { NOISE_DEFAULTS } from './options.js';
export type {
  NoiseHandshakeOptions,
  NoiseMessage,
  NoiseOptions,
  NoiseRemote,
  NoiseSecrets,
} from './options.js';
