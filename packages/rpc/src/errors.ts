import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';

/** Every error code that this package adds to those of the kernel, with when it occurs and what to do. */
export const RPC_ERRORS = {
  P2P_ERR_REQUEST_TIMEOUT: {
    when: 'a request had no response, or no room to be sent, within its `timeoutMs`',
    remedy: 'allow more time, or find out why the peer is slow; it may have served the request nevertheless',
  },
  P2P_ERR_REQUEST_FAILED: {
    when: 'the peer replied to a request with an error, which `rpcCode`, `rpcMessage` and `data` quote',
    remedy:
      'check `rpcCode`: the peer may not know the method, may have refused the parameters, or may have failed',
  },
  P2P_ERR_TOO_MANY_REQUESTS: {
    when: "a connection has `maxPending` requests without a response, and `whenPendingFull` is `'refuse'`; or a batch takes no more",
    remedy: 'await some before sending more, raise `maxPending`, or let calls wait',
  },
  P2P_ERR_INVALID_RESPONSE: {
    when: 'the response to a request is not valid, or its result does not match its schema; `cause` lists the issues',
    remedy: 'check that both sides use the same version of the method',
  },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof RPC_ERRORS, unknown> {}
}

export const rpcError = defineErrors('@pea2pea/rpc', RPC_ERRORS);
