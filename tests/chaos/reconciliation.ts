import type { Heuristics, Stats } from '@pea2pea/core';
import type { ChaosNode } from './chaos-node.js';

/** What was seen from outside of a node that has closed. */
export type Observed = Pick<
  ChaosNode,
  'ledger' | 'dials' | 'tap' | 'setups' | 'thrown' | 'queued' | 'handedOver'
>;

/**
 * Where the counters of a closed node disagree with each other or with what was seen.
 *
 * The counters of failed handshakes cover both directions. A dial that failed in its handshake is one that is counted
 * neither as refused or not reached nor as opened; what is left are the inbound ones.
 */
export function disagreements(
  { ledger, dials, tap, setups, thrown, queued, handedOver }: Observed,
  heuristics: Readonly<Heuristics>,
  stats: Stats,
): readonly string[] {
  const h = heuristics;
  const found: string[] = [];
  const equal = (what: string, counted: number, seen: number): void => {
    if (counted !== seen) found.push(`${what}: counted ${counted}, should be ${seen}`);
  };
  const atMost = (what: string, value: number, limit: number): void => {
    if (value > limit) found.push(`${what}: ${value} is more than ${limit}`);
  };

  equal('accepted', h.accepted, tap.accepted);
  equal('dialsRefused', h.dialsRefused, dials.refused());
  equal('connectTimeouts', h.connectTimeouts, dials.count('CONNECT_TIMEOUT'));
  const invalid = dials.count('INVALID_ADDRESS');
  equal('dialled', h.dialled, dials.all('transport') + dials.all('stream') - invalid);
  equal('openedOutbound', h.openedOutbound, dials.count('ok'));
  const outboundSetups = h.dialled - h.dialsRefused - h.connectTimeouts - h.connectFailures;
  // Of a stream that was brought along, nobody outside knows whether the node closed before its setup or in it.
  atMost('dials that got a link', tap.dialled, outboundSetups);
  const streams = dials.all('stream') - dials.refused(['stream']);
  atMost('dials that got a link, and those with a stream', outboundSetups, tap.dialled + streams);

  const outboundFailures = outboundSetups - h.openedOutbound;
  const inboundFailures = h.handshakeFailures + h.handshakeTimeouts + h.handedOver - outboundFailures;
  const refused = h.refusedByLimit + h.refusedByHook + h.refusedByShutdown;
  const waited = h.waitingLineFull + h.waitingLineShareFull + h.waitingLineTimeouts;
  equal('inbound, by outcome', refused + waited + inboundFailures + h.openedInbound, h.accepted);
  atMost('dials that timed out', dials.count('HANDSHAKE_TIMEOUT'), h.handshakeTimeouts);
  // The others failed before a hook was asked: gone while they waited in the line.
  atMost('inbound that hooks saw', setups.inbound, h.refusedByHook + inboundFailures + h.openedInbound);

  equal('opened', h.openedInbound + h.openedOutbound, ledger.opened);
  equal('onDisconnect', ledger.closed, ledger.opened);
  equal('closed', h.closed, ledger.opened);
  equal('idleTimeouts', h.idleTimeouts, ledger.endedBy('reading:idle-timeout'));
  equal('writeTimeouts', h.writeTimeouts, ledger.endedBy('writing:timeout'));
  const overBudget = ledger.endedBy('reading:over-budget') + ledger.endedBy('writing:over-budget');
  equal('pressureTimeouts', h.pressureTimeouts, overBudget);
  equal('handedOver', h.handedOver, handedOver);
  equal('renegotiationFailures', h.renegotiationFailures, ledger.endedBy('renegotiation'));
  equal('hookErrors', h.hookErrors, thrown);
  equal('messagesReceived', stats.messagesReceived, ledger.messages + h.droppedMessages);
  atMost('messagesSent', stats.messagesSent, queued);

  const { connections } = ledger;
  for (const key of [
    'messagesReceived',
    'messagesSent',
    'bytesReceived',
    'bytesSent',
    'messagesRefused',
  ] as const) {
    const sum = connections.reduce((total, connection) => total + connection.stats[key], 0);
    equal(`${key} of the node, over its connections`, stats[key], sum);
  }
  return found;
}
