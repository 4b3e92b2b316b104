import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';

/** The errors of streams, as `CORE_ERRORS` are those of the kernel. */
export const STREAM_ERRORS = {
  P2P_ERR_TOO_MANY_STREAMS: {
    when: 'a session of many streams has `maxStreams` of its own open, or `acceptBacklog` that the peer has not acknowledged',
    remedy: 'end some before opening more, or raise the limit',
  },
  P2P_ERR_PING_TIMEOUT: {
    when: 'a session of many streams had no pong within `pingTimeoutMs`',
    remedy: 'connect again, or allow more time; the peer may be gone, or too busy to reply',
  },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof STREAM_ERRORS, unknown> {}
}

export const streamError = defineErrors('@pea2pea/streams', STREAM_ERRORS);
