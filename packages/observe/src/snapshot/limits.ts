import type { Direction, ResolvedConfig } from '@pea2pea/core';
import type { AnyNode } from './observed.js';

/** A limit of a node, and how much of it is used. */
export interface LimitSnapshot {
  /** The option. */
  readonly name: keyof ResolvedConfig;
  /** Where there is one limit for each direction. */
  readonly direction: Direction | null;
  /** What it is set to. */
  readonly value: number;
  /** How much of it is used now; null where it is not one number, as with limits of each connection or address. */
  readonly used: number | null;
  /** What is limited; `ms` of a timeout. */
  readonly unit: 'connections' | 'setups' | 'links' | 'bytes' | 'handshakes/s' | 'ms';
}

/** The limits of which there is one for the whole node come first. */
export function limitsOf(node: AnyNode): LimitSnapshot[] {
  const { config, inside } = node;
  const limit = (
    name: LimitSnapshot['name'],
    unit: LimitSnapshot['unit'],
    used: number | null = null,
    direction: Direction | null = null,
  ): LimitSnapshot => ({ name, direction, value: config[name] as number, used, unit });
  return [
    limit('maxConnections', 'connections', node.connections.size + node.connecting),
    limit('maxInbound', 'connections', inside.inbound),
    limit('maxConnecting', 'setups', node.connecting),
    limit('listenBacklog', 'links', inside.waiting),
    limit('maxBufferedBytes', 'bytes', inside.inboundBytes, 'inbound'),
    limit('maxBufferedBytes', 'bytes', inside.outboundBytes, 'outbound'),
    limit('maxConnectionsPerIp', 'connections'),
    limit('maxConnectingPerIp', 'setups'),
    limit('maxWaitingPerIp', 'links'),
    limit('maxHandshakesPerSecondPerIp', 'handshakes/s'),
    limit('inboundQueueBytes', 'bytes'),
    limit('outboundQueueBytes', 'bytes'),
    limit('connectTimeoutMs', 'ms'),
    limit('handshakeTimeoutMs', 'ms'),
    limit('idleTimeoutMs', 'ms'),
    limit('writeTimeoutMs', 'ms'),
    limit('pressureTimeoutMs', 'ms'),
  ];
}
