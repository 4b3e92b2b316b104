import { Duplex } from 'node:stream';
import { PeerError } from '../errors/errors.js';
import { SocketAddress } from '../net/socket-address.js';
import { nextPeerNumber } from './socket-file.js';
import type {
  Link,
  Transport,
  TransportConnectOptions,
  TransportListenEvents,
  TransportListener,
  TransportListenOptions,
} from '../contracts/transport.js';

/** The first port that a dialler is given, as the dynamic ports of RFC 6335 begin. */
const FIRST_DYNAMIC_PORT = 49_152;

const WILDCARDS = ['0.0.0.0', '::'] as const;

/**
 * A network inside this process, without sockets. Nodes that were given the same transport reach each other;
 * two transports are two networks. Addresses look like those of TCP and mean nothing outside.
 */
export function memoryTransport(): Transport {
  return new MemoryNetwork();
}

class MemoryNetwork implements Transport {
  readonly name = 'memory';
  readonly #listeners = new Map<string, MemoryListener>();
  #nextPort = FIRST_DYNAMIC_PORT;

  resolve(address: SocketAddress): readonly SocketAddress[] {
    return [address];
  }

  listen(options: TransportListenOptions, events: TransportListenEvents): Promise<TransportListener> {
    const { host, port, path } = options.address;
    const address =
      path === undefined ? new SocketAddress(host, port === 0 ? this.#takePort() : port) : options.address;
    const key = address.toString();
    if (this.#listeners.has(key)) {
      return Promise.reject(
        new PeerError('P2P_ERR_LISTEN_FAILED', `cannot listen at ${key}: the address is in use`),
      );
    }
    const listener = new MemoryListener(address, events, () => this.#listeners.delete(key));
    this.#listeners.set(key, listener);
    return Promise.resolve(listener);
  }

  async connect(address: SocketAddress, options: TransportConnectOptions): Promise<Link> {
    await Promise.resolve(); // as over TCP, the outcome never comes in the same turn
    options.cancellation.throwIfCancelled();
    const listener = this.#listenerAt(address);
    if (listener === undefined) {
      throw new PeerError('P2P_ERR_CONNECT_FAILED', `cannot connect to ${address}: nobody listens there`);
    }
    const [here, there] = memoryStreamPair();
    if (address.path !== undefined) {
      const peer = SocketAddress.ofPath(address.path, nextPeerNumber());
      listener.onLink(new MemoryLink(there, peer, address));
      return new MemoryLink(here, address, address);
    }
    const local = new SocketAddress(
      options.localAddress ?? (address.isIp ? address.host : '127.0.0.1'),
      options.localPort ?? this.#takePort(),
    );
    listener.onLink(new MemoryLink(there, local, address));
    return new MemoryLink(here, address, local);
  }

  #listenerAt(address: SocketAddress): MemoryListener | undefined {
    const exact = this.#listeners.get(address.toString());
    if (exact !== undefined || !address.isIp) return exact;
    return WILDCARDS.map((host) =>
      this.#listeners.get(new SocketAddress(host, address.port).toString()),
    ).find((listener) => listener?.address.isReachedBy(address));
  }

  #takePort(): number {
    const port = this.#nextPort;
    this.#nextPort = port === 65_535 ? FIRST_DYNAMIC_PORT : port + 1;
    return port;
  }
}

class MemoryListener implements TransportListener {
  readonly address: SocketAddress;
  readonly #events: TransportListenEvents;
  readonly #forget: () => void;
  readonly #open = new Set<Duplex>();
  #whenEmpty: (() => void) | undefined;

  constructor(address: SocketAddress, events: TransportListenEvents, forget: () => void) {
    this.address = address;
    this.#events = events;
    this.#forget = forget;
  }

  onLink(link: MemoryLink): void {
    this.#open.add(link.stream);
    link.stream.once('close', () => {
      this.#open.delete(link.stream);
      if (this.#open.size === 0) this.#whenEmpty?.();
    });
    this.#events.onLink(link);
  }

  close(): Promise<void> {
    this.#forget();
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }
}

class MemoryLink implements Link {
  readonly stream: MemoryStream;
  readonly address: SocketAddress;
  readonly localAddress: SocketAddress;
  /** What is written is copied. */
  readonly reusesBuffers = true;
  /** A write may call the peer, which is in this process, before it returns. */
  readonly neverReenters = false;

  constructor(stream: MemoryStream, address: SocketAddress, localAddress: SocketAddress) {
    this.stream = stream;
    this.address = address;
    this.localAddress = localAddress;
    stream.on('error', streamOnError);
  }

  reset(): void {
    this.stream.reset();
  }
}

function streamOnError(): void {}

/**
 * One end of a pair: what is written here is read there, with backpressure.
 * Ending, destroying and resetting look to the other end as they do over TCP.
 */
class MemoryStream extends Duplex {
  #other: MemoryStream | undefined;
  /** The callback of a write that the other end has no room for yet. */
  #pendingWrite: ((error?: Error | null) => void) | undefined;

  constructor() {
    super({ allowHalfOpen: true });
    this.pause();
  }

  join(other: MemoryStream): void {
    this.#other = other;
  }

  /** Closes so that the other end sees a reset. */
  reset(): void {
    const other = this.#other;
    this.#other = undefined;
    this.destroy();
    other?.destroy(connectionReset());
  }

  override _read(): void {
    this.#other?.takeRoom();
  }

  /** The other end has room again. */
  takeRoom(): void {
    const callback = this.#pendingWrite;
    this.#pendingWrite = undefined;
    callback?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const other = this.#other;
    if (other === undefined || other.destroyed) callback(connectionReset());
    // A copy: as over a socket, who wrote may use the bytes again, and who reads may change them.
    else if (other.push(Buffer.from(chunk))) callback();
    else this.#pendingWrite = callback;
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#other?.destroyed === false) this.#other.onEnd();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const other = this.#other;
    this.#other = undefined;
    if (other !== undefined && !other.destroyed) {
      // As the system does it: who closes with bytes unread, or on their way, resets the connection.
      if (this.readableLength > 0 || other.writableLength > 0) other.destroy(connectionReset());
      else if (!this.writableFinished) other.onEnd();
      other.#loseOther();
    }
    this.#pendingWrite?.(error ?? connectionReset());
    this.#pendingWrite = undefined;
    callback(error);
  }

  /** The other end sends no more. As over TCP that is noticed by a paused stream, too, once it has nothing in store. */
  onEnd(): void {
    this.push(null);
    this.read(0);
  }

  /** The other end is gone: a write that waits for it fails, as later ones do. */
  #loseOther(): void {
    this.#other = undefined;
    const callback = this.#pendingWrite;
    this.#pendingWrite = undefined;
    callback?.(connectionReset());
  }
}

function memoryStreamPair(): [MemoryStream, MemoryStream] {
  const a = new MemoryStream();
  const b = new MemoryStream();
  a.join(b);
  b.join(a);
  return [a, b];
}

function connectionReset(): Error {
  return Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' });
}
