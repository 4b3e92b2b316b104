import {
  invalidConfig,
  MAX_TIMER_MS,
  requireBoolean,
  requireCodec,
  requireInteger,
  requireKnown,
  requireMethods,
  requireOneOf,
  requireString,
} from './authoring/checks.js';
import {
  DEFAULTS,
  DERIVED_DEFAULTS,
  keptForDials,
  type NodeConfig,
  type ResolvedConfig,
} from './contracts/config.js';
import { describe } from './errors/describe.js';
import { SocketAddress } from './net/socket-address.js';
import { defaultLogger } from './mechanisms/default-logger.js';
import { systemClock, systemRandom } from './mechanisms/system-clock.js';
import { tcpTransport } from './mechanisms/tcp-transport.js';

/** Nodes without a name are numbered. */
let lastNumber = 0;

/**
 * Checks every option and fills in the rest.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option.
 */
export function resolveConfig<In, Out>(config: NodeConfig<In, Out>): ResolvedConfig<In, Out> {
  requireKnown('the options of a node', config, OPTIONS);
  requireCodec('codec', config.codec);
  const {
    name = String(++lastNumber),
    transport = tcpTransport(),
    clock = systemClock,
    random = systemRandom,
    logger = defaultLogger,
  } = config;
  requireString('name', name);
  requireMethods('transport', transport, ['listen', 'connect', 'resolve']);
  requireMethods('clock', clock, ['now', 'date', 'setTimeout', 'nextTurn']);
  requireMethods('random', random, ['next']);
  requireMethods('logger', logger, ['debug', 'info', 'warn', 'error', 'child']);

  const integer = (option: IntegerOption, min: number, max?: number): number =>
    requireInteger(option, config[option] ?? DEFAULTS[option], { min, max });
  const flag = (option: 'reusePort' | 'halfOpen' | 'noDelay' | 'keepAlive'): boolean =>
    requireBoolean(option, config[option] ?? DEFAULTS[option]);

  const maxConnections = integer('maxConnections', 1);
  const maxConnecting = integer('maxConnecting', 1);
  const setups = Math.min(maxConnecting, maxConnections);
  const listenBacklog = integer('listenBacklog', 1);
  const derived = (option: keyof typeof DERIVED_DEFAULTS, byDefault: number): number =>
    requireInteger(option, config[option] ?? byDefault, { min: 1 });

  return Object.freeze({
    codec: config.codec,
    name,
    transport,
    clock,
    random,
    logger,
    listen: config.listen === undefined ? undefined : resolveListen(config.listen),
    listenBacklog,
    reusePort: flag('reusePort'),
    maxConnections,
    maxInbound: Math.min(
      derived('maxInbound', maxConnections - keptForDials(maxConnections)),
      maxConnections,
    ),
    maxConnectionsPerIp: integer('maxConnectionsPerIp', 1),
    ipv6PrefixLength: integer('ipv6PrefixLength', 1, 128),
    maxConnecting: setups,
    maxHandshakesPerSecondPerIp: integer('maxHandshakesPerSecondPerIp', 1),
    maxConnectingPerIp: derived('maxConnectingPerIp', quarterOf(setups)),
    maxWaitingPerIp: derived('maxWaitingPerIp', quarterOf(listenBacklog)),
    connectTimeoutMs: integer('connectTimeoutMs', 1, MAX_TIMER_MS),
    handshakeTimeoutMs: integer('handshakeTimeoutMs', 1, MAX_TIMER_MS),
    idleTimeoutMs: integer('idleTimeoutMs', 0, MAX_TIMER_MS),
    writeTimeoutMs: integer('writeTimeoutMs', 1, MAX_TIMER_MS),
    onDisconnectTimeoutMs: integer('onDisconnectTimeoutMs', 1, MAX_TIMER_MS),
    startTimeoutMs: integer('startTimeoutMs', 1, MAX_TIMER_MS),
    closeTimeoutMs: integer('closeTimeoutMs', 1, MAX_TIMER_MS),
    inboundQueueBytes: integer('inboundQueueBytes', 1),
    whenInboundFull: requireOneOf('whenInboundFull', config.whenInboundFull ?? DEFAULTS.whenInboundFull, [
      'pause',
      'drop',
    ]),
    outboundQueueBytes: integer('outboundQueueBytes', 1),
    maxBufferedBytes: integer('maxBufferedBytes', 1),
    pressureTimeoutMs: integer('pressureTimeoutMs', 1, MAX_TIMER_MS),
    halfOpen: flag('halfOpen'),
    noDelay: flag('noDelay'),
    keepAlive: flag('keepAlive'),
  });
}

type IntegerOption = {
  [K in keyof typeof DEFAULTS]: (typeof DEFAULTS)[K] extends number ? K : never;
}[keyof typeof DEFAULTS];

const OPTIONS = [
  ...Object.keys(DEFAULTS),
  ...Object.keys(DERIVED_DEFAULTS),
  ...['codec', 'name', 'listen', 'transport', 'clock', 'random', 'logger'],
];

/** The share of one address group: a quarter, and one at least. */
function quarterOf(limit: number): number {
  return Math.max(1, Math.floor(limit / 4));
}

function resolveListen(listen: NonNullable<NodeConfig<never>['listen']>): SocketAddress {
  try {
    return SocketAddress.from(listen);
  } catch (cause) {
    throw invalidConfig(`\`listen\` must be { host, port } or { path }, not ${describe(listen)}`, cause);
  }
}
