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
  P2P_ERR_PROTOCOL_TAKEN: {
    when: 'two plugins of a node have a sub-protocol of the same name',
    remedy:
      'give one of them another name, such as one that begins with that of its package; or use one of the two',
    isOwnFault: true,
  },
  P2P_ERR_PROTOCOL_MISMATCH: {
    when: 'a sub-protocol that one side requires is missing on the other, or has no common version; or the peer began with something else than a hello',
    remedy:
      'use `withProtocols` and `protocols()` on both sides, and versions of the plugin that have one in common',
  },
  P2P_ERR_PROTOCOL_ABSENT: {
    when: 'a message of a sub-protocol was to be sent to a peer that does not speak it',
    remedy: 'ask `with(connection)` first, or make the protocol `required`',
    isOwnFault: true,
  },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof STREAM_ERRORS, unknown> {}
}

export const streamError = defineErrors('@pea2pea/streams', STREAM_ERRORS);
