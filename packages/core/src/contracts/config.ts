import type { Clock } from './clock.js';
import type { Codec } from './codec.js';
import { describe, printable } from './describe.js';
import { PeerError } from './errors.js';
import type { Logger } from './logger.js';
import type { Random } from './random.js';
import { SocketAddress } from './socket-address.js';
import type { Transport } from './transport.js';

/**
 * Every option that has a default, with it. `docs/configuration.md` quotes this object and a test
 * keeps both equal. Times are in milliseconds, sizes in bytes.
 */
export const DEFAULTS = {
  listenBacklog: 511,
  reusePort: false,
  maxConnections: 100,
  maxConnectionsPerIp: 10,
  ipv6PrefixLength: 64,
  maxConnecting: 100,
  connectTimeoutMs: 5_000,
  handshakeTimeoutMs: 3_000,
  idleTimeoutMs: 60_000,
  writeTimeoutMs: 10_000,
  onDisconnectTimeoutMs: 3_000,
  closeTimeoutMs: 5_000,
  inboundQueueBytes: 64 * 1024,
  whenInboundFull: 'pause',
  outboundQueueBytes: 1024 * 1024,
  maxBufferedBytes: 128 * 1024 * 1024,
  pressureTimeoutMs: 10_000,
  noDelay: true,
  keepAlive: true,
} as const;

/**
 * Defaults that follow from other options, as formulas; `docs/configuration.md` quotes them and a test computes them.
 * What is left of `maxConnections` and of `maxConnecting` is kept for dials.
 */
export const DERIVED_DEFAULTS = {
  maxInbound: 'maxConnections - min(16, floor(maxConnections / 8))',
  maxConnectingPerIp: 'max(1, floor(maxConnecting / 4))',
  maxWaitingPerIp: 'max(1, floor(listenBacklog / 4))',
} as const;

/** What of a limit on both directions inbound peers leave to dials: an eighth, 16 at most. */
export function keptForDials(limit: number): number {
  return Math.min(16, Math.floor(limit / 8));
}

/** The share of one address group: a quarter, and one at least. */
function quarterOf(limit: number): number {
  return Math.max(1, Math.floor(limit / 4));
}

/** What a node does when `inboundQueueBytes` wait: slow the peer down, or throw the oldest messages away (counted). */
export type WhenInboundFull = 'pause' | 'drop';

/** Options of a node. Only `codec` is needed; each of the others has a default. */
export interface NodeConfig<In, Out = In> {
  /** Framing and message format; see `@pea2pea/codecs`. */
  readonly codec: Codec<In, Out>;
  /** For logs. @default a sequence number */
  readonly name?: string;
  /** Where `listen()` listens unless told otherwise. Port 0 picks one. @default none */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Connections that the system holds for us, and that may wait for a setup slot. @default 511 */
  readonly listenBacklog?: number;
  /** Whether several processes may listen on one port. @default false */
  readonly reusePort?: boolean;
  /** Connections at once, those being set up included. @default 100 */
  readonly maxConnections?: number;
  /**
   * How many of them may be inbound; the others are kept for dials. Clamped to `maxConnections`.
   * @default `maxConnections` less an eighth of it, which is 16 at most
   */
  readonly maxInbound?: number;
  /** The same as `maxConnections` per IP address, IPv4-mapped IPv6 folded. @default 10 */
  readonly maxConnectionsPerIp?: number;
  /** How many bits of an IPv6 address count as one "IP" for the limits per IP. @default 64 */
  readonly ipv6PrefixLength?: number;
  /**
   * Setups at once, both directions together; clamped to `maxConnections`.
   *
   * note: inbound peers leave an eighth of it to dials, 16 at most.
   * @default 100
   */
  readonly maxConnecting?: number;
  /** How many of them may be inbound from one IP address; those beyond wait. @default a quarter of `maxConnecting` */
  readonly maxConnectingPerIp?: number;
  /** Inbound peers of one IP address that wait for a setup; those beyond are refused. @default a quarter of `listenBacklog` */
  readonly maxWaitingPerIp?: number;
  /** Bounds a dial until the transport is connected. @default 5000 */
  readonly connectTimeoutMs?: number;
  /** Bounds `onAccept` and `onHandshake` together. @default 3000 */
  readonly handshakeTimeoutMs?: number;
  /**
   * Ends a connection without a complete inbound message for so long; 0 means never.
   *
   * note: while a message handler runs its connection is not idle, unless the peer has gone.
   * @default 60000
   */
  readonly idleTimeoutMs?: number;
  /**
   * Ends a connection whose peer needs longer than that to take the next 256 KiB, or all that is queued.
   *
   * note: the system tells of what a peer took in bursts. A stall after a burst is forgiven for as long as such a peer
   * needs for that: for six times `writeTimeoutMs` at most, where the buffers of the system are full.
   * @default 10000
   */
  readonly writeTimeoutMs?: number;
  /** Bounds `onDisconnect`, the last flush, and the wait for the peer to end its half. @default 3000 */
  readonly onDisconnectTimeoutMs?: number;
  /** Bounds `close()`. @default 5000 */
  readonly closeTimeoutMs?: number;
  /**
   * Bytes that may wait for a handler that is busy, per connection; beyond it see `whenInboundFull`.
   *
   * note: messages are decoded when their handler can have them, so what waits is bytes as they came. A chunk more may
   * be held (64 KiB), and a frame of any size that the codec allows while it is not complete.
   * @default 65536
   */
  readonly inboundQueueBytes?: number;
  /** @default 'pause' */
  readonly whenInboundFull?: WhenInboundFull;
  /** Bytes encoded but not handed to the system, per connection; the message that crosses it still goes. @default 1048576 */
  readonly outboundQueueBytes?: number;
  /**
   * Bytes held over all connections, in each direction: received and not handled, and queued and not sent.
   *
   * note: from half of it on a connection that holds more than an equal share is held back: not read, or not sent to.
   * Those below their share notice nothing.
   * note: the message that crosses the limit still goes, and one unfinished frame at a time may.
   * @default 134217728
   */
  readonly maxBufferedBytes?: number;
  /**
   * Ends a connection that is above its share of `maxBufferedBytes` for so long without getting on: whose unfinished
   * frame is not complete by then, or whose queue has not been taken.
   * @default 10000
   */
  readonly pressureTimeoutMs?: number;
  /** TCP_NODELAY. @default true */
  readonly noDelay?: boolean;
  /** SO_KEEPALIVE. @default true */
  readonly keepAlive?: boolean;
  /** @default tcpTransport() */
  readonly transport?: Transport;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default systemRandom */
  readonly random?: Random;
  /** @default defaultLogger: `warn` and `error` to standard error, the rest with `NODE_DEBUG=pea2pea` */
  readonly logger?: Logger;
}

/** The parts that a node is made of, where the configuration leaves them out. */
export interface NodeParts {
  readonly name: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A configuration with every default filled in. */
export type ResolvedConfig<In = unknown, Out = In> = Readonly<
  Required<Omit<NodeConfig<In, Out>, 'listen'>> & { listen: SocketAddress | undefined }
>;

/**
 * Checks every option and fills in the rest.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option.
 */
export function resolveConfig<In, Out>(
  config: NodeConfig<In, Out>,
  makeParts: () => NodeParts,
): ResolvedConfig<In, Out> {
  requireObject('config', config);
  for (const name of Object.keys(config)) {
    const isKnown =
      Object.hasOwn(DEFAULTS, name) ||
      Object.hasOwn(DERIVED_DEFAULTS, name) ||
      OPTIONS_WITHOUT_DEFAULT.has(name);
    if (!isKnown) throw invalid(`there is no option \`${printable(name)}\``);
  }
  requireMethods('codec', config.codec, ['decoder', 'encoder']);
  const parts = makeParts();
  const {
    name = parts.name,
    transport = parts.transport,
    clock = parts.clock,
    random = parts.random,
    logger = parts.logger,
  } = config;
  if (typeof name !== 'string' || name === '')
    throw invalid(`\`name\` must be a text, not ${describe(name)}`);
  requireMethods('transport', transport, ['listen', 'connect', 'resolve']);
  requireMethods('clock', clock, ['now', 'date', 'setTimeout', 'nextTurn']);
  requireMethods('random', random, ['next']);
  requireMethods('logger', logger, ['debug', 'info', 'warn', 'error', 'child']);

  const integer = (option: IntegerOption, min: number, max?: number): number =>
    requireInteger(option, config[option] ?? DEFAULTS[option], { min, max });
  const flag = (option: 'reusePort' | 'noDelay' | 'keepAlive'): boolean =>
    requireBoolean(option, config[option] ?? DEFAULTS[option]);

  const maxConnections = integer('maxConnections', 1);
  const maxConnecting = integer('maxConnecting', 1);
  const setups = Math.min(maxConnecting, maxConnections);
  const listenBacklog = integer('listenBacklog', 1);
  const derived = (option: keyof typeof DERIVED_DEFAULTS, byDefault: number): number =>
    requireInteger(option, config[option] ?? byDefault, { min: 1 });
  const whenInboundFull = config.whenInboundFull ?? DEFAULTS.whenInboundFull;
  if (whenInboundFull !== 'pause' && whenInboundFull !== 'drop') {
    throw invalid(`\`whenInboundFull\` must be 'pause' or 'drop', not ${describe(whenInboundFull)}`);
  }

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
    maxConnectingPerIp: derived('maxConnectingPerIp', quarterOf(setups)),
    maxWaitingPerIp: derived('maxWaitingPerIp', quarterOf(listenBacklog)),
    connectTimeoutMs: integer('connectTimeoutMs', 1, MAX_TIMER_MS),
    handshakeTimeoutMs: integer('handshakeTimeoutMs', 1, MAX_TIMER_MS),
    idleTimeoutMs: integer('idleTimeoutMs', 0, MAX_TIMER_MS),
    writeTimeoutMs: integer('writeTimeoutMs', 1, MAX_TIMER_MS),
    onDisconnectTimeoutMs: integer('onDisconnectTimeoutMs', 1, MAX_TIMER_MS),
    closeTimeoutMs: integer('closeTimeoutMs', 1, MAX_TIMER_MS),
    inboundQueueBytes: integer('inboundQueueBytes', 1),
    whenInboundFull,
    outboundQueueBytes: integer('outboundQueueBytes', 1),
    maxBufferedBytes: integer('maxBufferedBytes', 1),
    pressureTimeoutMs: integer('pressureTimeoutMs', 1, MAX_TIMER_MS),
    noDelay: flag('noDelay'),
    keepAlive: flag('keepAlive'),
  });
}

type IntegerOption = {
  [K in keyof typeof DEFAULTS]: (typeof DEFAULTS)[K] extends number ? K : never;
}[keyof typeof DEFAULTS];

const OPTIONS_WITHOUT_DEFAULT = new Set([
  'codec',
  'name',
  'listen',
  'transport',
  'clock',
  'random',
  'logger',
]);

/** The longest delay of a Node.js timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The one check for whole numbers. @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function requireInteger(
  name: string,
  value: unknown,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number | undefined },
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw invalid(`\`${name}\` must be a whole number ${range}, not ${describe(value)}`);
}

function requireBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(`\`${name}\` must be true or false, not ${describe(value)}`);
}

export function requireObject(name: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null) return;
  throw invalid(`\`${name}\` must be an object, not ${describe(value)}`);
}

export function requireMethods(name: string, value: unknown, methods: readonly string[]): void {
  requireObject(name, value);
  for (const method of methods) {
    if (typeof (value as Record<string, unknown>)[method] !== 'function') {
      throw invalid(`\`${name}\` must have a method ${method}()`);
    }
  }
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for what nobody can be told by, such as an AbortController in place of its signal */
export function requireSignal(signal: unknown): void {
  requireMethods('signal', signal, ['addEventListener', 'removeEventListener']);
}

function resolveListen(listen: { host: string; port: number }): SocketAddress {
  try {
    return SocketAddress.from(listen);
  } catch (cause) {
    throw invalid(`\`listen\` must be { host, port }, not ${describe(listen)}`, cause);
  }
}

function invalid(what: string, cause?: unknown): PeerError {
  return new PeerError('P2P_ERR_INVALID_CONFIG', what, cause === undefined ? undefined : { cause });
}
