import type { NodeConfig } from '@pea2pea/core';
import type { Dice } from './dice.js';
import { chaosCodec, type ChaosMessage } from './message.js';
import { quietLogger } from './quiet-logger.js';

/** A configuration whose every limit is so small that chaos runs into it. */
export function drawConfig(dice: Dice): NodeConfig<ChaosMessage> {
  return {
    codec: chaosCodec(dice.chance(0.5)),
    random: dice.fork(),
    logger: quietLogger,
    listenBacklog: dice.integer(1, 6),
    maxWaitingPerIp: dice.integer(1, 6),
    maxConnections: dice.integer(1, 12),
    maxInbound: dice.integer(1, 12),
    maxConnectionsPerIp: dice.integer(1, 10),
    maxConnecting: dice.integer(1, 6),
    maxConnectingPerIp: dice.integer(1, 6),
    ipv6PrefixLength: dice.pick([56, 64, 128])!,
    connectTimeoutMs: dice.integer(20, 500),
    handshakeTimeoutMs: dice.integer(20, 400),
    idleTimeoutMs: dice.chance(0.3) ? 0 : dice.integer(50, dice.chance(0.5) ? 400 : 2_000),
    writeTimeoutMs: dice.integer(50, 800),
    onDisconnectTimeoutMs: dice.integer(10, 200),
    closeTimeoutMs: dice.integer(20, 800),
    inboundQueueBytes: dice.integer(1, 16 * 1024),
    whenInboundFull: dice.chance(0.3) ? 'drop' : 'pause',
    outboundQueueBytes: dice.integer(256, 32 * 1024),
    maxBufferedBytes: dice.chance(0.5) ? dice.integer(256, 8 * 1024) : dice.integer(8 * 1024, 256 * 1024),
    pressureTimeoutMs: dice.integer(50, 800),
    halfOpen: dice.chance(0.4),
    noDelay: dice.chance(0.5),
    keepAlive: dice.chance(0.5),
  };
}
