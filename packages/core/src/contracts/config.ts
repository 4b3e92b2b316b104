import type { Clock } from './clock.js';
import type { Codec } from './codec.js';
import type { Logger } from './logger.js';
import type { Random } from './random.js';
import type { SocketAddress } from '../net/socket-address.js';
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
  maxHandshakesPerSecondPerIp: 50,
  connectTimeoutMs: 5_000,
  handshakeTimeoutMs: 3_000,
  idleTimeoutMs: 60_000,
  writeTimeoutMs: 10_000,
  onDisconnectTimeoutMs: 3_000,
  startTimeoutMs: 30_000,
  closeTimeoutMs: 5_000,
  inboundQueueBytes: 64 * 1024,
  whenInboundFull: 'pause',
  outboundQueueBytes: 1024 * 1024,
  maxBufferedBytes: 128 * 1024 * 1024,
  pressureTimeoutMs: 10_000,
  halfOpen: false,
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

/**
 * What of `maxConnecting` each direction leaves to the other: nodes that dial each other with all their setups would wait
 * for each other. One setup alone, whoever begins first has it.
 */
export function setupsKeptForOthers(maxConnecting: number): number {
  return maxConnecting === 1 ? 0 : Math.max(1, keptForDials(maxConnecting));
}

/** What a node does when `inboundQueueBytes` wait: slow the peer down, or throw the oldest messages away (counted). */
export type WhenInboundFull = 'pause' | 'drop';

/** Options of a node. Only `codec` is needed; each of the others has a default. */
export interface NodeConfig<In, Out = In> {
  /** Framing and message format; see `@pea2pea/codecs`. */
  readonly codec: Codec<In, Out>;
  /** For logs. @default a sequence number */
  readonly name?: string;
  /** Where `listen()` listens unless told otherwise: a host and port, of which 0 picks one, or a path. @default none */
  readonly listen?: { readonly host: string; readonly port: number } | { readonly path: string };
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
   * note: inbound peers leave an eighth of it to dials, 16 at most, and one at least where it is more than one. So do
   * dials to inbound peers, while the node listens.
   * @default 100
   */
  readonly maxConnecting?: number;
  /** How many of them may be inbound from one IP address; those beyond wait. @default a quarter of `maxConnecting` */
  readonly maxConnectingPerIp?: number;
  /** Inbound peers of one IP address that wait for a setup; those beyond are refused. @default a quarter of `listenBacklog` */
  readonly maxWaitingPerIp?: number;
  /**
   * Expensive handshakes of inbound peers that are computed for one IP address in a second, as many at once; those beyond
   * wait for their turn. Expensive are those that say so: `noise`, `tls`, and your own that call `handshake.turn()`.
   * @default 50
   */
  readonly maxHandshakesPerSecondPerIp?: number;
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
  /** Bounds each `onStart`: longer than a dial with its handshake, which it may wait for. @default 30000 */
  readonly startTimeoutMs?: number;
  /** Bounds `close()`; `onStop` hooks have half of it. @default 5000 */
  readonly closeTimeoutMs?: number;
  /**
   * Bytes that may wait for a handler that is busy, per connection; beyond it see `whenInboundFull`.
   *
   * note: messages are decoded when their handler can have them, so what waits is bytes as they came. A chunk more may
   * be held (64 KiB), and a frame of any size that the codec allows while it is not complete.
   * @default 65536
   */
  readonly inboundQueueBytes?: number;
  /** What happens to input beyond `inboundQueueBytes`: the peer waits, or it is dropped and counted. @default 'pause' */
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
  /**
   * Whether a connection lives on after its peer has ended its half, until `connection.end()` ends ours, or `disconnect()` both.
   *
   * note: without it the connection ends when what is under way for the peer is done.
   * note: while nothing is sent over it, `idleTimeoutMs` bounds the time of such a connection.
   * @default false
   */
  readonly halfOpen?: boolean;
  /** TCP_NODELAY. @default true */
  readonly noDelay?: boolean;
  /** SO_KEEPALIVE. @default true */
  readonly keepAlive?: boolean;
  /** The network: TCP, or one in memory for tests. @default tcpTransport() */
  readonly transport?: Transport;
  /** Time, for all deadlines. @default systemClock */
  readonly clock?: Clock;
  /** Randomness, for all that is chosen by chance. @default systemRandom */
  readonly random?: Random;
  /** Where log lines go. @default defaultLogger: `warn` and `error` to standard error, the rest with `NODE_DEBUG=pea2pea` */
  readonly logger?: Logger;
}

/** A configuration with every default filled in. */
export type ResolvedConfig<In = unknown, Out = In> = Readonly<
  Required<Omit<NodeConfig<In, Out>, 'listen'>> & { listen: SocketAddress | undefined }
>;
