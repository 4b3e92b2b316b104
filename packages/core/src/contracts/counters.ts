/** What a counter counts, and of what. */
export interface CounterDefinition {
  /** What is counted, in a few words. */
  readonly help: string;
  /** What one of them is. */
  readonly unit: 'links' | 'dials' | 'setups' | 'connections' | 'messages' | 'bytes' | 'hooks' | 'errors';
}

/**
 * The counters of a node, by name: what hooks cannot see. All begin at 0 and only rise.
 *
 * note: `accepted` is the sum of what was refused, failed, handed over and `openedInbound`, once nothing is being set up.
 */
export const COUNTERS = {
  accepted: { help: 'inbound links that the transport handed over', unit: 'links' },
  goneBeforeAccept: {
    help: 'inbound peers that had reset their connection before it could be handed over; not among the accepted',
    unit: 'links',
  },
  refusedByLimit: { help: 'inbound, refused by a connection limit or as a duplicate', unit: 'links' },
  refusedByHook: { help: 'inbound, refused by `onAccept`', unit: 'links' },
  waitingLineFull: {
    help: 'inbound, reset because the waiting line was full, also where their place went to an address that had fewer',
    unit: 'links',
  },
  waitingLineShareFull: {
    help: 'inbound, reset because their IP address had its share of the waiting line',
    unit: 'links',
  },
  waitingLineTimeouts: {
    help: 'inbound, reset because they waited in it for longer than `handshakeTimeoutMs`',
    unit: 'links',
  },
  refusedByShutdown: {
    help: 'inbound, reset because the node or its listener closed while they waited',
    unit: 'links',
  },
  dialled: {
    help: 'outbound, begun: calls of `connect` with an address and options that make sense',
    unit: 'dials',
  },
  dialsRefused: {
    help: 'outbound, refused before anything was dialled: limits, duplicates, the own address',
    unit: 'dials',
  },
  connectTimeouts: { help: 'outbound, not reached in time', unit: 'dials' },
  connectFailures: { help: 'outbound, not reached for another reason, or cancelled', unit: 'dials' },
  handshakeFailures: {
    help: 'setups, both directions, that were refused or threw; inbound links that left the waiting line by themselves',
    unit: 'setups',
  },
  handshakeTimeouts: { help: 'setups, both directions, that did not end in time', unit: 'setups' },
  handedOver: {
    help: 'setups, both directions, whose stream a hook took with `handshake.detach()`',
    unit: 'setups',
  },
  delayedHandshakes: {
    help: 'inbound handshakes that waited because their IP address had `maxHandshakesPerSecondPerIp` of them',
    unit: 'setups',
  },
  openedInbound: { help: 'inbound connections that became active', unit: 'connections' },
  openedOutbound: { help: 'outbound connections that became active', unit: 'connections' },
  closed: { help: 'connections whose teardown has ended', unit: 'connections' },
  idleTimeouts: { help: 'connections ended for silence', unit: 'connections' },
  writeTimeouts: {
    help: 'connections ended because their peer took too little, or nothing',
    unit: 'connections',
  },
  pressureTimeouts: {
    help: 'connections ended because they held too much of `maxBufferedBytes` for too long',
    unit: 'connections',
  },
  renegotiationFailures: {
    help: 'connections ended because a renegotiation threw or did not end in time',
    unit: 'connections',
  },
  droppedMessages: { help: "inbound messages thrown away by `whenInboundFull: 'drop'`", unit: 'messages' },
  droppedBytes: {
    help: 'inbound bytes thrown away because the connection ended before they were handled',
    unit: 'bytes',
  },
  hookTimeouts: { help: '`onDisconnect` hooks that were abandoned', unit: 'hooks' },
  hookErrors: {
    help: 'hooks that threw a fault of their own: anything but a `PeerError`, or one that says so, such as `P2P_ERR_INVALID_CONFIG`',
    unit: 'hooks',
  },
  peerFaults: {
    help: 'hooks that threw a `PeerError` for what a peer or the network did, such as `P2P_ERR_RATE_LIMITED`; one from `onAccept` or `onHandshake` counts as a handshake instead',
    unit: 'hooks',
  },
  acceptErrors: {
    help: 'times that accepting failed; when descriptors run out on Linux, libuv closes the surplus itself and nothing is counted',
    unit: 'errors',
  },
} as const satisfies Record<string, CounterDefinition>;

/** The name of a counter in {@link COUNTERS}. */
export type CounterName = keyof typeof COUNTERS;

/** The counters of one node, by name. */
export type Heuristics = { -readonly [Name in CounterName]: number };
