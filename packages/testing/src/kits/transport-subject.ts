import {
  SocketAddress,
  type AddressLike,
  type Link,
  type Transport,
  type TransportConnectOptions,
  type TransportListener,
} from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { turn } from '../until.js';
import { Broken } from './finding.js';

/** A network that a transport is checked on, made anew for each fact. */
export interface TransportNetwork {
  /** Listens. */
  readonly transport: Transport;
  /** Dials. @default `transport` */
  readonly dialler?: Transport;
  /** Where to listen; port 0 where the transport can choose. */
  readonly address: AddressLike;
  /** Lets a little time pass on this network. @default a turn of the event loop */
  pass?(): Promise<void>;
  /** How long a check waits for what must come, by the clock on the wall. @default 10_000 */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 10_000;

const LISTEN = { backlog: 16, reusePort: false, noDelay: true, keepAlive: true };

/** A {@link TransportNetwork}, with what checks do on it. */
export class TransportSubject {
  readonly transport: Transport;
  readonly dialler: Transport;
  readonly address: SocketAddress;
  readonly accepted: Link[] = [];
  readonly #pass: () => Promise<void>;
  readonly #patienceMs: number;

  constructor(network: TransportNetwork) {
    this.transport = network.transport;
    this.dialler = network.dialler ?? network.transport;
    this.address = SocketAddress.from(network.address);
    this.#patienceMs = network.patienceMs ?? PATIENCE_MS;
    this.#pass = network.pass?.bind(network) ?? (() => turn());
  }

  async pass(): Promise<void> {
    await this.#pass();
    await turn();
  }

  /** @throws {Broken} when it does not come true. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const deadline = performance.now() + this.#patienceMs;
    while (!condition()) {
      if (performance.now() > deadline) throw new Broken(`waited in vain until ${what}`);
      await this.pass();
    }
  }

  /** Settles as `promise` does. */
  async settled<T>(what: string, promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const onSettled = (): void => {
      isSettled = true;
    };
    promise.then(onSettled, onSettled);
    await this.until(what, () => isSettled);
    return promise;
  }

  listen(address = this.address): Promise<TransportListener> {
    const events = {
      onLink: (link: Link) => void this.accepted.push(link),
      onPeerGone: () => {},
      onAcceptError: () => {},
    };
    return this.settled('it listens', this.transport.listen({ address, ...LISTEN }, events));
  }

  dial(address: SocketAddress, options: Partial<TransportConnectOptions> = {}): Promise<Link> {
    const cancellation = options.cancellation ?? new CancellationSource();
    return this.settled(
      'a dial settles',
      this.dialler.connect(address, { noDelay: true, keepAlive: true, ...options, cancellation }),
    );
  }

  /** Both ends of a connection. */
  async pair(): Promise<{ readonly here: Link; readonly there: Link; readonly listener: TransportListener }> {
    const listener = await this.listen();
    const before = this.accepted.length;
    const here = await this.dial(listener.address);
    await this.until('the listener has the link', () => this.accepted.length > before);
    return { here, there: this.accepted[before]!, listener };
  }

  /** What arrives at `link` from now on. */
  reads(link: Link): { readonly bytes: () => Buffer; readonly hasEnded: () => boolean } {
    const chunks: Buffer[] = [];
    let hasEnded = false;
    link.stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    link.stream.on('end', () => {
      hasEnded = true;
    });
    link.stream.resume();
    return { bytes: () => Buffer.concat(chunks), hasEnded: () => hasEnded };
  }

  /** Ends everything, so that nothing is left of a check. */
  async end(listener: TransportListener, ...links: readonly Link[]): Promise<void> {
    for (const link of [...links, ...this.accepted]) link.stream.destroy();
    await this.settled('the listener has closed', listener.close());
  }
}
