import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';

/** The errors of requests, as `CORE_ERRORS` are those of the kernel. */
export const RPC_ERRORS = {
  P2P_ERR_REQUEST_TIMEOUT: {
    when: 'a request had no response within its `timeoutMs`',
    remedy: 'allow more time, or ask the peer why it is slow; it may have done what was asked',
  },
  P2P_ERR_REQUEST_FAILED: {
    when: 'the peer answered a request with an error; `rpcCode` and `data` are what it said',
    remedy: 'look at `rpcCode`: the peer does not know the method, refuses the parameters, or failed',
  },
  P2P_ERR_TOO_MANY_REQUESTS: {
    when: 'a connection has `maxPending` requests without a response',
    remedy: 'await some before sending more, or raise `maxPending`',
  },
  P2P_ERR_INVALID_RESPONSE: {
    when: 'the response to a request is not a valid one, or its result is not what its schema takes; `cause` lists the issues',
    remedy: 'check that both sides use the same version of the method',
  },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof RPC_ERRORS, unknown> {}
}

export const rpcError = defineErrors('@pea2pea/rpc', RPC_ERRORS);
