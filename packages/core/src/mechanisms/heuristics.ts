/**
 * Counts what hooks cannot see. All counters begin at 0 and only rise.
 *
 * note: `accepted = refused + failed + opened` for inbound connections, once nothing is being set up.
 */
export class Heuristics {
  /** Inbound links that the transport handed over. */
  accepted = 0;
  /** Inbound peers that had reset their connection before it could be handed over; not among the accepted. */
  goneBeforeAccept = 0;
  /** Inbound, refused by a connection limit. */
  refusedByLimit = 0;
  /** Inbound, refused by `onAccept`. */
  refusedByHook = 0;
  /** Inbound, reset because the waiting line was full, also where its place went to an address that had fewer. */
  waitingLineFull = 0;
  /** Inbound, reset because its IP address had its share of the waiting line. */
  waitingLineShareFull = 0;
  /** Inbound, reset because it waited in the line for longer than `handshakeTimeoutMs`. */
  waitingLineTimeouts = 0;
  /** Inbound, reset because the node or its listener closed while it waited. */
  refusedByShutdown = 0;
  /** Outbound, begun: calls of `connect` with an address and options that make sense. */
  dialled = 0;
  /** Outbound, refused before anything was dialled: limits, duplicates, the own address. */
  dialsRefused = 0;
  /** Outbound, not reached in time. */
  connectTimeouts = 0;
  /** Outbound, not reached for another reason, or cancelled. */
  connectFailures = 0;
  /** Setups, both directions, that were refused or threw. */
  handshakeFailures = 0;
  /** Setups, both directions, that did not end in time. */
  handshakeTimeouts = 0;
  /** Inbound connections that became active. */
  openedInbound = 0;
  /** Outbound connections that became active. */
  openedOutbound = 0;
  /** Connections whose teardown has ended. */
  closed = 0;
  /** Connections ended for silence. */
  idleTimeouts = 0;
  /** Connections ended because the peer took no bytes. */
  writeTimeouts = 0;
  /** Connections ended because they held too much of `maxBufferedBytes` for too long. */
  pressureTimeouts = 0;
  /** Inbound messages thrown away by `whenInboundFull: 'drop'`. */
  droppedMessages = 0;
  /** Inbound bytes thrown away because the connection ended before they were handled. */
  droppedBytes = 0;
  /** `onDisconnect` hooks that were abandoned. */
  hookTimeouts = 0;
  /** Hooks that threw a fault of their own: a bug. */
  hookErrors = 0;
  /** Hooks that threw a PeerError for what a peer or the network did, as `rateLimit` does; handshakes are not among them. */
  peerFaults = 0;
  /** Times that accepting failed. */
  acceptErrors = 0;
}
