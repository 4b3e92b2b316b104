import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';

/** Every error code that this package adds to those of the kernel, with when it occurs and what to do. */
export const POLICY_ERRORS = {
  P2P_ERR_RATE_LIMITED: {
    when: "a peer sent more messages or bytes than the rateLimit plugin allows, with `whenExceeded: 'disconnect'`",
    remedy:
      "send less, or raise the limit, or leave `whenExceeded` at 'slow' to hold such peers back instead",
  },
  P2P_ERR_BANNED: {
    when: 'an address or an identity is banned by the bans plugin; `cause` is the ban',
    remedy: 'lift the ban with unban(), or wait until it is over',
  },
  P2P_ERR_PEER_UNRESPONSIVE: {
    when: 'the keepAlive plugin ended a connection: the peer sent nothing, and did not reply to a ping; or `ping()` had no pong within `timeoutMs`; or `probe` of uniquePeer found that the peer of a duplicate is gone',
    remedy:
      'connect again, as `reconnect` does; if the peer is alive, check that it runs keepAlive with the same `format`, or allow more time',
  },
  P2P_ERR_DUPLICATE_PEER: {
    when: 'the uniquePeer plugin ended one of two connections with the same remote identity',
    remedy: 'use the connection that was kept',
  },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof POLICY_ERRORS, unknown> {}
}

export const policyError = defineErrors('@pea2pea/policies', POLICY_ERRORS);
