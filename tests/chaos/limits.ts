import type { Connection, ConnectionContext, SocketAddress } from '@pea2pea/core';
import type { ChaosNode } from './chaos-node.js';
import { MAX_FRAME } from './message.js';

/**
 * Links that wait although `chaos` has a setup slot for them.
 *
 * note: to be asked between two turns; inside a hook the line may be about to be served.
 */
export function starving({ node, tap }: ChaosNode): readonly string[] {
  const { config, connecting } = node;
  const waiting = tap.waiting((address) => node.isConnecting(address)).length;
  // All of chaos comes from one address, and of so few setups one is kept for dials.
  const setups = Math.min(Math.max(1, config.maxConnecting - 1), config.maxConnectingPerIp);
  if (waiting === 0 || connecting >= setups) return [];
  return [`${waiting} links wait, but only ${connecting} of ${setups} setups are under way`];
}

/** Beyond the budget each connection may still hold so much: INVARIANTS.md, two-budgets. */
const BEYOND_BUDGET = 1024;

/** Whether a message may, and must, be queued on `connection` now, as far as that is up to the memory that is held. */
export function roomFor({ node }: ChaosNode, connection: Connection): 'must' | 'may' | 'must not' {
  const { maxBufferedBytes, outboundQueueBytes } = node.config;
  const { bufferedBytes } = connection;
  if (bufferedBytes >= outboundQueueBytes) return 'must not';
  let [used, holders] = [0, 0];
  for (const { bufferedBytes: bytes } of node.connections) {
    used += bytes;
    if (bytes > 0) holders++;
  }
  const half = maxBufferedBytes / 2;
  if (used <= half) return 'must';
  const share = half / Math.max(holders, 1);
  if (bufferedBytes > share || (used > maxBufferedBytes && bufferedBytes > BEYOND_BUDGET)) return 'must not';
  return 'may';
}

/** Limits of `chaos` that are exceeded at this instant. */
export function exceededLimits({ node, tap, setups }: ChaosNode): readonly string[] {
  const { config } = node;
  const found: string[] = [];
  const bound = (what: string, value: number, limit: number): void => {
    if (value > limit) found.push(`${what} is ${value}, the limit is ${limit}`);
  };
  bound('connections + connecting', node.connections.size + node.connecting, config.maxConnections);
  bound('connecting', node.connecting, config.maxConnecting);
  bound('links held', tap.held, config.maxConnections + config.listenBacklog);
  if (node.bufferedBytes < 0) found.push(`bufferedBytes is ${node.bufferedBytes}`);

  const perIp = new Map<string, number>();
  const count = (group: string): void => void perIp.set(group, (perIp.get(group) ?? 0) + 1);
  const active = new Set<ConnectionContext>();
  let inbound = 0;
  for (const connection of node.connections) {
    active.add(connection.context);
    if (connection.direction === 'inbound') inbound++;
    count(connection.address.limitGroup(config.ipv6PrefixLength));
    // The message that crosses the limit still goes.
    bound('bufferedBytes of a connection', connection.bufferedBytes, config.outboundQueueBytes + MAX_FRAME);
  }
  bound('inbound connections', inbound, config.maxInbound);
  bound('the table that is walked', active.size, node.connections.size);
  const peers = setups.peers(active);
  bound('setups whose hooks run', peers.length, node.connecting);
  const groups = (of: readonly SocketAddress[]): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>();
    for (const address of of) {
      const group = address.limitGroup(config.ipv6PrefixLength);
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    return counts;
  };
  const inboundPeers = peers.filter(({ direction }) => direction === 'inbound');
  for (const [ip, value] of groups(inboundPeers.map(({ address }) => address))) {
    bound(`setups of ${ip}`, value, config.maxConnectingPerIp);
  }
  for (const [ip, value] of groups(tap.waiting((address) => node.isConnecting(address)))) {
    bound(`links of ${ip} that wait`, value, config.maxWaitingPerIp);
  }
  for (const { address } of peers) count(address.limitGroup(config.ipv6PrefixLength));
  for (const [ip, value] of perIp) bound(`connections with ${ip}`, value, config.maxConnectionsPerIp);
  return found;
}
