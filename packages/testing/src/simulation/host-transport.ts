import {
  PeerError,
  SocketAddress,
  type Link,
  type Transport,
  type TransportConnectOptions,
  type TransportListenEvents,
  type TransportListener,
  type TransportListenOptions,
} from '@pea2pea/core';
import { Dial } from './dial.js';
import { ORDER } from './event-queue.js';
import type { Incarnation } from './incarnation.js';
import type { Machine } from './machine.js';
import type { Net } from './net.js';
import { SimListener } from './sim-listener.js';
import { systemError } from './system-error.js';

/** What a name takes to be looked up. */
const LOOKUP_MS = 2;

/** The network as one process of a host has it. What a dead process asks for never comes. */
export class HostTransport implements Transport {
  readonly name = 'simulation';
  readonly #net: Net;
  readonly #host: Machine;
  readonly #incarnation: Incarnation;

  constructor(net: Net, host: Machine, incarnation: Incarnation) {
    this.#net = net;
    this.#host = host;
    this.#incarnation = incarnation;
  }

  resolve(address: SocketAddress): readonly SocketAddress[] | Promise<readonly SocketAddress[]> {
    const { host, port } = address;
    if (address.path !== undefined) throw noPaths(address);
    if (address.isWildcard) return [new SocketAddress(host.includes(':') ? '::1' : '127.0.0.1', port)];
    if (address.isIp) return [address];
    if (host === 'localhost') return [new SocketAddress('127.0.0.1', port)];
    return this.#lookUp(host, port);
  }

  async listen(options: TransportListenOptions, events: TransportListenEvents): Promise<TransportListener> {
    await this.#alive();
    const { address, backlog, reusePort } = options;
    if (address.path !== undefined) throw noPaths(address);
    if (reusePort)
      throw new PeerError('P2P_ERR_UNSUPPORTED', 'a simulated host has no port sharing (reusePort)');
    const { ports } = this.#host;
    const at = new SocketAddress(address.host, address.port === 0 ? ports.takeAny() : address.port);
    const listener = new SimListener(at, backlog, this.#incarnation, events, (closed) =>
      ports.unlisten(closed),
    );
    try {
      if (!this.#isOwn(address) && !address.isWildcard) throw systemError('EADDRNOTAVAIL', 'listen');
      ports.listen(listener);
    } catch (cause) {
      const what = `cannot listen at ${address}: ${(cause as Error).message}`;
      throw new PeerError('P2P_ERR_LISTEN_FAILED', what, { cause });
    }
    this.#net.note('listens', this.#host.subject, at.port);
    return listener;
  }

  async connect(address: SocketAddress, options: TransportConnectOptions): Promise<Link> {
    await this.#alive();
    options.cancellation.throwIfCancelled();
    const local = this.#localFor(address, options);
    return new Promise((resolve, reject) => {
      void new Dial(this.#net, this.#host, local, address, options, { resolve, reject });
    });
  }

  #localFor(address: SocketAddress, { localAddress, localPort }: TransportConnectOptions): SocketAddress {
    const isV6 = address.host.includes(':');
    const ownOf = this.#host.addresses.find((own) => own.includes(':') === isV6);
    const host = localAddress ?? (address.isLoopback ? address.host : (ownOf ?? this.#host.addresses[0]!));
    try {
      const wanted = new SocketAddress(host, localPort ?? 0);
      if (!this.#isOwn(wanted)) throw systemError('EADDRNOTAVAIL', 'bind');
      return new SocketAddress(host, this.#host.ports.takePair(localPort, address));
    } catch (cause) {
      const what = `cannot connect to ${address}: ${(cause as Error).message}`;
      throw new PeerError('P2P_ERR_CONNECT_FAILED', what, { cause });
    }
  }

  #isOwn({ host, isLoopback }: SocketAddress): boolean {
    return isLoopback || this.#host.addresses.includes(host);
  }

  async #lookUp(name: string, port: number): Promise<readonly SocketAddress[]> {
    const { timeline, names } = this.#net;
    await new Promise<void>((resolve) => {
      timeline.at(timeline.nowMs + LOOKUP_MS, ORDER.network, () => this.#incarnation.call(resolve));
    });
    const found = names.get(name) ?? [];
    if (found.length > 0) return found.map((host) => new SocketAddress(host, port));
    throw new PeerError('P2P_ERR_CONNECT_FAILED', `the name ${name} could not be resolved`, {
      remedy: 'tell the world of it: world.name(name, addresses)',
    });
  }

  /** What a process asks for after its death never happens. */
  #alive(): Promise<void> {
    return this.#incarnation.isAlive ? Promise.resolve() : new Promise(() => {});
  }
}

function noPaths(address: SocketAddress): PeerError {
  return new PeerError(
    'P2P_ERR_UNSUPPORTED',
    `a simulated host has no sockets with a path, such as ${address}`,
    {
      remedy: 'give its peers a host and a port',
    },
  );
}
