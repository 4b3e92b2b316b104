import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';

/** Every error code that this package adds to those of the kernel, with when it occurs and what to do. */
export const NOISE_ERRORS = {
  P2P_ERR_NONCE_EXHAUSTED: {
    when: 'a Noise cipher has encrypted as many messages as one key allows, 2^64-1',
    remedy: 'connect again to get new keys',
  },
  P2P_ERR_KEY_FILE: {
    when: 'the file of `loadOrCreateKey` cannot be read or made, is damaged, or can be read by others than its owner',
    remedy:
      'mend what the message names; restore the file from a copy, or move it away to get a new key, which makes this peer another one',
    isOwnFault: true,
  },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof NOISE_ERRORS, unknown> {}
}

export const noiseError = defineErrors('@pea2pea/noise', NOISE_ERRORS);
