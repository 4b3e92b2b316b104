import type { Duplex } from 'node:stream';
import type { Cancellation } from './cancellation.js';
import type { SocketAddress } from '../net/socket-address.js';

/**
 * A kind of network: TCP, memory, a simulation. The kernel meets sockets through this contract only.
 *
 * note: the kernel owns every link it is given and destroys it, whatever happens.
 */
export interface Transport {
  /** For logs: `'tcp'`, `'memory'`. */
  readonly name: string;

  /**
   * Listens at `options.address` until the returned listener is closed.
   *
   * note: links arrive paused; nobody reads a byte before the kernel does.
   * note: who connects to a path has no address: each gets one by `SocketAddress.ofPath(path, number)`, of which no two are the same.
   * @throws {PeerError} P2P_ERR_LISTEN_FAILED when the address cannot be had,
   * P2P_ERR_UNSUPPORTED when `reusePort` is asked for in vain, or a path of a transport that has none.
   */
  listen(options: TransportListenOptions, events: TransportListenEvents): Promise<TransportListener>;

  /**
   * The addresses that `address` stands for, at least one, with IP addresses where the transport has such.
   * They are dialled in this order, the families in turn, until one can be reached: the next one is tried when the one
   * before has failed or has been silent for 250 ms (RFC 8305).
   * @throws {PeerError} P2P_ERR_CONNECT_FAILED when the name has none, P2P_ERR_UNSUPPORTED for a path of a transport that has none.
   */
  resolve(address: SocketAddress): readonly SocketAddress[] | Promise<readonly SocketAddress[]>;

  /**
   * Dials. The link arrives paused.
   * @throws {PeerError} P2P_ERR_CONNECT_FAILED; when the dial is cancelled, why, once the socket is gone.
   */
  connect(address: SocketAddress, options: TransportConnectOptions): Promise<Link>;
}

/** How a stream takes what is written to it. */
export interface WriteTraits {
  /**
   * Whether bytes given to `write` are no longer needed once its callback was called, so that the kernel can use their
   * buffer again: true of sockets, and of streams that copy or transform what they take; false of those that pass it on
   * inside the process.
   */
  readonly reusesBuffers: boolean;
  /**
   * Whether `write` never runs a handler of the peer before it returns: true of sockets, false of a stream to a peer in
   * the same process. The kernel then writes a batch at once when it is full, instead of at the end of the tick.
   */
  readonly neverReenters: boolean;
}

/** One end of a connection, before and below framing. */
export interface Link extends WriteTraits {
  /** The bytes, both directions. */
  readonly stream: Duplex;
  /** The address of the peer. */
  readonly address: SocketAddress;
  /** May be read after the link has closed; it is then the best known value, such as the listening address. */
  readonly localAddress: SocketAddress;
  /** Closes at once, without flushing; over TCP the peer sees a reset. */
  reset(): void;
}

/** Where and how to listen. */
export interface TransportListenOptions {
  /** Where; port 0 lets the system choose one. */
  readonly address: SocketAddress;
  /** How many peers the system may let wait to be accepted. */
  readonly backlog: number;
  /** Whether other processes may listen at the same port, too. */
  readonly reusePort: boolean;
  /** Whether small writes go out at once (TCP_NODELAY). */
  readonly noDelay: boolean;
  /** Whether the system probes a silent peer. */
  readonly keepAlive: boolean;
}

/** What a listener tells the kernel. */
export interface TransportListenEvents {
  /** A peer connected. */
  onLink(link: Link): void;
  /** A peer connected and was gone before a link could be made of it. */
  onPeerGone(): void;
  /** Accepting failed once; the listener goes on. */
  onAcceptError(error: Error): void;
}

/** A place that is listened at. */
export interface TransportListener {
  /** Where it really listens: the port is never 0. */
  readonly address: SocketAddress;
  /**
   * Stops taking new links; the port is free when this returns. Links that were taken live on.
   * The promise resolves when the last of those has ended, too.
   */
  close(): Promise<void>;
}

/** How to dial. */
export interface TransportConnectOptions {
  /** Cancels the dial. */
  readonly cancellation: Cancellation;
  /** Whether small writes go out at once (TCP_NODELAY). */
  readonly noDelay: boolean;
  /** Whether the system probes a silent peer. */
  readonly keepAlive: boolean;
  /** The IP address to dial from; undefined: the system chooses. */
  readonly localAddress?: string | undefined;
  /** The port to dial from; undefined: the system chooses. */
  readonly localPort?: number | undefined;
}
