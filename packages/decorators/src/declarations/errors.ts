import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';

/** The errors of the decorators, as `CORE_ERRORS` are those of the kernel. */
export const DECORATOR_ERRORS = {
  P2P_ERR_NOT_A_PEER: {
    when: 'a class given to createPeer(), startPeer() or peerModule() has no @Peer',
    remedy: 'annotate the class: @Peer({ codec })',
    isOwnFault: true,
  },
  P2P_ERR_MISSING_CODEC: {
    when: 'a decorated class, or its configuration, has no codec',
    remedy: 'give one: @Peer({ codec: lines() })',
    isOwnFault: true,
  },
  P2P_ERR_INVALID_DECORATOR: {
    when: 'a decorator stands where it cannot work, or contradicts another',
    remedy:
      'put hook decorators topmost on public instance methods, a catch-all @OnMessage last, and @Peer once on the class',
    isOwnFault: true,
  },
  P2P_ERR_UNMATCHED_MESSAGE: {
    when: 'no message method of a peer takes a message; `cause` says why each schema refused it',
    remedy:
      "add a method that takes it, or a catch-all @OnMessage() as the last one, or set `unmatched: 'ignore'` in @Peer",
  },
  P2P_ERR_MISSING_DEPENDENCY: {
    when: 'the container cannot tell what a constructor parameter needs',
    remedy: 'name the dependencies, @Peer({ inject: [Service] }), and bind each of them in the container',
    isOwnFault: true,
  },
  P2P_ERR_CAPTIVE_DEPENDENCY: {
    when: 'something that outlives a connection depends on the connection or on a session of it, or a singleton that peers share on what belongs to one peer',
    remedy:
      'bind it so that there is one for each: inRequestScope() for connections, in the `bindings` of the peer for peers; or hand it over as an argument',
    isOwnFault: true,
  },
  P2P_ERR_INVALID_SESSION: {
    when: 'the `sessions` of a peer list something that is not a session, one twice, or one with hooks that it cannot have',
    remedy: 'list each class with @Session once, with no other hooks than those of open connections',
    isOwnFault: true,
  },
  P2P_ERR_NO_SESSION: {
    when: 'a connection has no such session: making its sessions failed, `cause` says why; or its peer lists no such class',
    remedy:
      'look at `cause`, and let such a connection end: do not return keep for it in @OnError; list the class in the `sessions` of the peer or of a plugin',
    isOwnFault: true,
  },
} as const satisfies ErrorTable;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof DECORATOR_ERRORS, unknown> {}
}

export const decoratorError = defineErrors('@pea2pea/decorators', DECORATOR_ERRORS);
