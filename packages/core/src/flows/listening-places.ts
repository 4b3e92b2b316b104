import { diagnostics } from '../contracts/diagnostics.js';
import type { TransportListenEvents, TransportListener } from '../contracts/transport.js';
import type { Kernel } from '../connection/kernel.js';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import { shuttingDown } from './connection-setup.js';

/** Where the node listens, or begins to. */
interface Place {
  /** What was asked for: its port may be 0. */
  readonly asked: SocketAddress;
  /** Settles when the start has ended, one way or the other. */
  started: Promise<unknown>;
  /** Set when it listens. */
  listener: TransportListener | undefined;
}

/** The places at which a node listens: any number, in the order in which they were asked for. */
export class ListeningPlaces {
  readonly #kernel: Kernel;
  readonly #events: TransportListenEvents;
  readonly #places = new Set<Place>();

  constructor(kernel: Kernel, events: TransportListenEvents) {
    this.#kernel = kernel;
    this.#events = events;
  }

  /** Where the node listens now. */
  get addresses(): SocketAddress[] {
    return [...this.#places].flatMap(({ listener }) => (listener === undefined ? [] : [listener.address]));
  }

  /**
   * Listens at one more place.
   *
   * @param isUsual whether it is the place of the configuration, which is one place though its port is picked
   * @throws {PeerError} P2P_ERR_ALREADY_LISTENING, P2P_ERR_LISTEN_FAILED, P2P_ERR_UNSUPPORTED, P2P_ERR_SHUTTING_DOWN
   */
  async start(asked: SocketAddress, isUsual: boolean, isClosing: () => boolean): Promise<SocketAddress> {
    const there = this.#findTaken(asked, isUsual);
    if (there !== undefined) {
      const at = there.listener?.address ?? there.asked;
      throw new PeerError('P2P_ERR_ALREADY_LISTENING', `the node already listens at ${at}`);
    }
    const place: Place = { asked, started: Promise.resolve(), listener: undefined };
    this.#places.add(place);
    const starting = this.#start(place, isClosing);
    place.started = starting.catch(() => {});
    try {
      return await starting;
    } catch (error) {
      this.#places.delete(place);
      throw error;
    }
  }

  /** Resolves when all starts that are under way have ended, one way or the other. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#places, ({ started }) => started));
  }

  /**
   * Stops listening, at one address or everywhere.
   * The promise of each listener resolves when its last link has ended, too.
   */
  stop(address?: SocketAddress): Promise<void>[] {
    const closing: Promise<void>[] = [];
    for (const place of this.#places) {
      if (place.listener === undefined) continue;
      if (address !== undefined && place.listener.address.toString() !== address.toString()) continue;
      this.#places.delete(place);
      closing.push(place.listener.close());
    }
    this.#changed();
    return closing;
  }

  #findTaken(asked: SocketAddress, isUsual: boolean): Place | undefined {
    const key = asked.toString();
    const picksPort = asked.path === undefined && asked.port === 0;
    return [...this.#places].find(
      (place) =>
        place.listener?.address.toString() === key ||
        (place.asked.toString() === key && (isUsual || !picksPort)),
    );
  }

  async #start(place: Place, isClosing: () => boolean): Promise<SocketAddress> {
    const { transport, listenBacklog, reusePort, noDelay, keepAlive } = this.#kernel.config;
    const options = { address: place.asked, backlog: listenBacklog, reusePort, noDelay, keepAlive };
    const listener = await transport.listen(options, this.#events);
    if (isClosing()) {
      await listener.close();
      throw shuttingDown(this.#kernel);
    }
    const { address } = listener;
    place.listener = listener;
    this.#changed();
    this.#kernel.logger.info({ address: address.toString() }, 'listening');
    if (diagnostics.listen.hasSubscribers) diagnostics.listen.publish({ ...this.#kernel.about, address });
    return address;
  }

  #changed(): void {
    const { addresses } = this;
    this.#kernel.listening = addresses;
    this.#kernel.table.acceptsInbound = addresses.length > 0;
  }
}
