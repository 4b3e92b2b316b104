/** What is said of a code. */
export interface ErrorEntry {
  /** What happened. */
  readonly when: string;
  /** What the message tells the reader to do, where the place that throws has nothing better to say. */
  readonly remedy: string;
  /** Whether only a bug of this program can bring it about: no peer, and no network. @default false */
  readonly isOwnFault?: boolean;
}

/** Codes, and what is said of them. */
export type ErrorTable = Readonly<Record<string, ErrorEntry>>;

/**
 * The errors of the kernel. A code is public API: it is never renamed and never reused.
 * `docs/errors.md` quotes this table and a test compares both.
 */
export const CORE_ERRORS = {
  P2P_ERR_INVALID_CONFIG: {
    when: 'an option has a value that is not allowed',
    remedy: 'correct the option named in the message; its documentation lists all of them',
    isOwnFault: true,
  },
  P2P_ERR_INVALID_ADDRESS: {
    when: 'a string or object is not an address',
    remedy:
      "use 'host:port', '[ipv6]:port' or { host, port } with a port from 0 to 65535; for a Unix socket { path } or 'unix:/path'",
  },
  P2P_ERR_ALREADY_STARTED: {
    when: 'hooks were added to a node that already listened or connected',
    remedy: 'add hooks before the first listen() or connect(), and start a peer once per container',
    isOwnFault: true,
  },
  P2P_ERR_START_TIMEOUT: {
    when: 'an `onStart` hook has not settled within `startTimeoutMs`; all that was started was stopped again',
    remedy: 'give what the hook awaits a deadline of its own, or raise `startTimeoutMs`',
  },
  P2P_ERR_SHUTTING_DOWN: {
    when: 'the node is closing or closed',
    remedy: 'make a new node; a closed one stays closed',
  },
  P2P_ERR_ALREADY_LISTENING: {
    when: 'listen() was called for an address at which the node listens',
    remedy: 'listen at another address, or call stopListening() first',
    isOwnFault: true,
  },
  P2P_ERR_NO_LISTEN_ADDRESS: {
    when: 'listen() was called without an address and the configuration has none',
    remedy: 'give `{ host, port }` or `{ path }` to listen(), or as `listen` in the configuration',
    isOwnFault: true,
  },
  P2P_ERR_LISTEN_FAILED: {
    when: 'the system refused to listen at the address; `cause` holds its error',
    remedy: 'free the port, choose another, or use port 0 to have one picked',
  },
  P2P_ERR_UNSUPPORTED: {
    when: 'something is asked for that this runtime, transport or installation does not have',
    remedy: 'do without it, or use a runtime or transport that has it',
    isOwnFault: true,
  },
  P2P_ERR_SELF_CONNECT: {
    when: 'a node dialled its own listening address, and nothing else where it dialled a name',
    remedy: "leave the node's own address out of the addresses to connect to",
  },
  P2P_ERR_ALREADY_CONNECTED: {
    when: 'a connection to this address exists, or its teardown has not ended yet',
    remedy:
      'use the existing connection, or await its `closed` before connecting again; `parallel: true` makes one more',
  },
  P2P_ERR_ALREADY_CONNECTING: {
    when: 'a connection to this address is being set up',
    remedy: 'wait for the first connect() instead of starting a second; `parallel: true` makes one more',
  },
  P2P_ERR_TOO_MANY_CONNECTIONS: {
    when: 'the node holds `maxConnections` connections, those being set up included',
    remedy: 'raise `maxConnections`, or disconnect somebody first',
  },
  P2P_ERR_TOO_MANY_INBOUND: {
    when: 'the node holds `maxInbound` inbound connections, those being set up included',
    remedy: 'raise `maxInbound`; what it leaves of `maxConnections` is kept for dials',
  },
  P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP: {
    when: 'the node holds `maxConnectionsPerIp` connections with this IP address or IPv6 prefix',
    remedy: 'raise `maxConnectionsPerIp`; many peers on one host or behind one NAT share an address',
  },
  P2P_ERR_TOO_MANY_CONNECTING: {
    when: 'as many connections are being set up at once as `maxConnecting` allows',
    remedy: 'dial fewer at a time, or raise `maxConnecting`',
  },
  P2P_ERR_CONNECT_FAILED: {
    when: 'the address could not be reached; `cause` holds the system error, or an AggregateError with those of several addresses',
    remedy: 'check that the peer listens there and that the network lets you through',
  },
  P2P_ERR_CONNECT_TIMEOUT: {
    when: 'the address did not reply within `connectTimeoutMs`',
    remedy: 'check the address, or allow more time',
  },
  P2P_ERR_HANDSHAKE_FAILED: {
    when: 'the setup of a connection threw; `cause` holds the error',
    remedy: 'look at `cause`: it comes from a hook, a codec factory or the stream',
  },
  P2P_ERR_HANDSHAKE_REJECTED: {
    when: 'a handshake hook refused the peer, or accept hooks did',
    remedy: 'change the hook or option that refused it, such as `authorize`, if this peer should be let in',
  },
  P2P_ERR_WRONG_IDENTITY: {
    when: 'the peer proved another identity than the one that `expectedIdentity` names, or none',
    remedy:
      'dial the address of that peer; a peer proves its identity in a handshake such as `noise` or `tls`',
  },
  P2P_ERR_HANDSHAKE_TIMEOUT: {
    when: 'the setup did not end within `handshakeTimeoutMs`',
    remedy: 'check that both sides speak the same handshake, or allow more time',
  },
  P2P_ERR_HANDSHAKE_ENDED: {
    when: 'the peer closed the connection before the handshake was complete, or the handshake was used after it',
    remedy:
      'ask the peer: it refused us, has no room, or speaks another handshake; await every read in the hook',
  },
  P2P_ERR_DETACHED: {
    when: 'a handshake hook took the stream with `detach()`, so there is no connection',
    remedy: 'go on with the stream that `detach()` returned',
  },
  P2P_ERR_ABORTED: {
    when: 'the `signal` given to the call aborted; `cause` holds its reason',
    remedy: 'repeat the call if the abort was not meant',
  },
  P2P_ERR_DISCONNECTED: {
    when: 'the connection ended before the call could; `cause` holds the disconnect reason',
    remedy: 'connect again if the reason allows it',
  },
  P2P_ERR_SENT_AFTER_END: {
    when: 'a message was sent, or room for one waited for, after `end()` of this side',
    remedy: 'send before `end()`; what is sent from several places ends when all of them are done',
    isOwnFault: true,
  },
  P2P_ERR_RENEGOTIATING: {
    when: 'send(), renegotiate() or detach() was called on a connection that is being renegotiated',
    remedy: 'await drained(), or what renegotiate() returned; to write within it, use `handshake.write`',
  },
  P2P_ERR_MESSAGES_HELD: {
    when: 'a connection was to be renegotiated or detached while its decoder holds messages that were not handled',
    remedy:
      'handle those first; or use a codec that takes one message at a time off the wire, as those of `@pea2pea/codecs` do',
  },
  P2P_ERR_ENDED: {
    when: 'next() was called, and all messages had been returned of a peer that has ended its half, or of a connection that ended in order',
    remedy: 'use `for await`, which stops there, or take it as the end; `cause` holds the disconnect reason',
  },
  P2P_ERR_ALREADY_PULLING: {
    when: 'next() was called on a connection while another call waits for its message',
    remedy: 'await the first call, and leave a connection to one reader at a time',
    isOwnFault: true,
  },
  P2P_ERR_NOT_PULLED: {
    when: 'next() was called on a connection of a node that has an `onMessage`, or of which a plugin has one',
    remedy: 'handle messages there, or use a node without `onMessage`',
    isOwnFault: true,
  },
  P2P_ERR_QUEUE_FULL: {
    when: 'the outbound queue of the connection is at its limit, or above its share of `maxBufferedBytes`',
    remedy: 'await drained() before sending more, or raise the limit that the message names',
  },
  P2P_ERR_ENCODE_FAILED: {
    when: 'the encoder threw for this message, or `seal` of a sealed stream for its bytes (`cause` holds the error), or the encoder returned something',
    remedy:
      'send a message that the codec can encode; an encoder of your own writes to `output`, waits for nothing and returns nothing. The connection lives on',
    isOwnFault: true,
  },
  P2P_ERR_WRITE_TIMEOUT: {
    when: 'the peer took less than 256 KiB, and not all that was queued, in `writeTimeoutMs`',
    remedy: 'the peer does not read; connect again later or allow more time',
  },
  P2P_ERR_OVER_BUDGET: {
    when: 'the node holds too many bytes (`maxBufferedBytes`), and this connection held most of them for `pressureTimeoutMs`',
    remedy:
      'send smaller frames, or read faster; or raise `maxBufferedBytes`, or lower the limits of frames and queues',
  },
  P2P_ERR_FRAME_TOO_LARGE: {
    when: 'a frame is larger than the limit of its codec',
    remedy:
      'check that both sides use the same codec; then keep messages below the limit, or raise it on both sides',
  },
  P2P_ERR_INVALID_FRAME: {
    when: 'bytes are not what the codec expects',
    remedy:
      'check that both sides use the same codec and version, and the same keys where the channel is encrypted',
  },
  P2P_ERR_TRUNCATED_FRAME: {
    when: 'the stream ended in the middle of a frame',
    remedy:
      'check that both sides use the same codec; if they do, the peer went away while sending: connect again if the message matters',
  },
  P2P_ERR_STALLED_DECODER: {
    when: 'a decoder returned a message without consuming a byte',
    remedy: 'consume at least one byte a message in decode(); NEED_MORE says that there is none yet',
    isOwnFault: true,
  },
  P2P_ERR_BAD_DECODER: {
    when: 'a decoder returned undefined or a promise',
    remedy: 'return a message or NEED_MORE; decoding is synchronous',
    isOwnFault: true,
  },
  P2P_ERR_INVALID_PLUGIN: {
    when: 'something in a list of plugins is not a plugin, or is there twice',
    remedy: 'list what the function of the plugin returns, once: rateLimit({ … }), or a class with @Plugin',
    isOwnFault: true,
  },
  P2P_ERR_PLUGIN_ORDER: {
    when: 'plugins are listed in an order that one of them does not allow',
    remedy: 'list them in the order that the message gives',
    isOwnFault: true,
  },
  P2P_ERR_MISSING_PLUGIN: {
    when: 'a plugin that is asked for, by another plugin or by you, is not there',
    remedy: 'list it: node.use(plugin({ … })), or among the `plugins` of the peer',
    isOwnFault: true,
  },
} as const satisfies ErrorTable;

/**
 * All codes that the compiler knows of. Each package adds its own:
 *
 * ```ts
 * declare module '@pea2pea/core' {
 *   interface PeerErrorCodes extends Record<keyof typeof ROOM_ERRORS, unknown> {}
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- others merge into it
export interface PeerErrorCodes extends Record<keyof typeof CORE_ERRORS, unknown> {}

/** The code of a {@link PeerError}. Match errors on it: it survives two copies of a package in one process. */
export type PeerErrorCode = keyof PeerErrorCodes;
