import type { ResolvedConfig } from './config.js';

/** The option that causes each refusal by a limit: the one to raise so that the peer gets in. */
export const LIMIT_OPTIONS = {
  P2P_ERR_TOO_MANY_CONNECTIONS: 'maxConnections',
  P2P_ERR_TOO_MANY_INBOUND: 'maxInbound',
  P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP: 'maxConnectionsPerIp',
  P2P_ERR_TOO_MANY_CONNECTING: 'maxConnecting',
  'waiting-line-full': 'listenBacklog',
  'waiting-line-share-full': 'maxWaitingPerIp',
  'waiting-line-timeout': 'handshakeTimeoutMs',
} as const satisfies Record<string, keyof ResolvedConfig>;
