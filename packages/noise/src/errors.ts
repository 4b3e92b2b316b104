import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';

/** The errors of Noise, as `CORE_ERRORS` are those of the kernel. */
export const NOISE_ERRORS = {
  P2P_ERR_NONCE_EXHAUSTED: {
    when: 'a cipher of the noise plugin has encrypted as many messages as it can, 2^64-1',
    remedy: 'connect again, for new keys',
  },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof NOISE_ERRORS, unknown> {}
}

export const noiseError = defineErrors('@pea2pea/noise', NOISE_ERRORS);
