import type { PeerNode } from '@pea2pea/core';
import { testingError } from './errors.js';

/**
 * Compares all views of a node: its counters, its table of connections, and, once it is closed, what it still has.
 *
 * note: while the node is at work, setups that are under way are in no sum yet; the sums are exact once it is closed.
 * @throws {PeerError} P2P_ERR_INCONSISTENT when two of them disagree.
 */
export function assertConsistent<In, Out>(node: PeerNode<In, Out>): void {
  const { connections, connecting, heuristics: h } = node;
  const opened = h.openedInbound + h.openedOutbound;
  equal('connections of the table', [...connections].length, connections.size);
  equal('opened and not closed', opened - h.closed, connections.size);

  const refused = h.refusedByLimit + h.refusedByHook + h.refusedByShutdown;
  const waited = h.waitingLineFull + h.waitingLineShareFull + h.waitingLineTimeouts;
  const unlinked = h.dialsRefused + h.connectTimeouts + h.connectFailures;
  atMost('inbound connections that ended', refused + waited + h.openedInbound, h.accepted);
  atMost('dials that ended', unlinked + h.openedOutbound, h.dialled);
  const setupsFailed = h.handshakeFailures + h.handshakeTimeouts + h.handedOver;
  const outcomes = refused + waited + unlinked + setupsFailed + opened;
  atMost('setups that ended', outcomes, h.accepted + h.dialled);

  if (node.state !== 'closed') return;
  equal('setups, by outcome', outcomes, h.accepted + h.dialled);
  equal('connections of a closed node', connections.size, 0);
  equal('setups of a closed node', connecting, 0);
  equal('buffered bytes of a closed node', node.bufferedBytes, 0);
}

function equal(what: string, value: number, expected: number): void {
  if (value !== expected)
    throw testingError('P2P_ERR_INCONSISTENT', `${what}: ${value}, should be ${expected}`);
}

function atMost(what: string, value: number, limit: number): void {
  if (value > limit) throw testingError('P2P_ERR_INCONSISTENT', `${what}: ${value} is more than ${limit}`);
}
