import type {
  Clock,
  Link,
  SocketAddress,
  Timer,
  TimerOptions,
  Transport,
  TransportConnectOptions,
  TransportListenEvents,
  TransportListener,
  TransportListenOptions,
} from '@pea2pea/core';
import { remember } from './resources.js';
import { countTaken } from './taken-bytes.js';

/** The transport of one node, as the node uses it: counts what the node must answer for. */
export class TransportTap implements Transport {
  readonly name: string;
  readonly #owner: string;
  readonly #transport: Transport;
  /** Links that were handed to the node as inbound, and those that its dials got. */
  accepted = 0;
  dialled = 0;
  /** Listeners that are open. */
  listening = 0;
  /** Dials under way. */
  dialling = 0;
  readonly #links = new Set<Link>();
  /** Inbound links that no hook has been asked about, by the address of the peer. */
  readonly #waiting = new Map<string, Link>();

  /** @param owner the node, by name */
  constructor(owner: string, transport: Transport) {
    this.#owner = owner;
    this.#transport = transport;
    this.name = transport.name;
  }

  /** Links that the node has not let go of. */
  get held(): number {
    let held = 0;
    for (const { stream } of this.#links) if (!stream.destroyed) held++;
    return held;
  }

  /** Inbound links that the node holds in its waiting line: those that it sets up have a slot, though no hook yet. */
  waiting(hasSlot: (address: SocketAddress) => boolean): readonly SocketAddress[] {
    const waiting: SocketAddress[] = [];
    for (const { stream, address } of this.#waiting.values()) {
      if (!stream.destroyed && !hasSlot(address)) waiting.push(address);
    }
    return waiting;
  }

  /** `onAccept` runs for the link with the peer at `address`: it waits no longer. */
  admitted(address: SocketAddress): void {
    this.#waiting.delete(address.toString());
  }

  /** The stream of the link with the peer at `address` is somebody else's now. Returns the link, if the node got it here. */
  handedOver({ address, localAddress }: Pick<Link, 'address' | 'localAddress'>): Link | undefined {
    let found: Link | undefined;
    for (const link of this.#links) {
      const isIt = String(link.address) === String(address);
      if (!isIt || String(link.localAddress) !== String(localAddress)) continue;
      this.#links.delete(link);
      found = link;
    }
    return found;
  }

  /** Links whose stream is not closed yet. */
  get unclosed(): number {
    let unclosed = 0;
    for (const { stream } of this.#links) if (!stream.closed) unclosed++;
    return unclosed;
  }

  resolve(address: SocketAddress): ReturnType<Transport['resolve']> {
    return this.#transport.resolve(address);
  }

  async listen(options: TransportListenOptions, events: TransportListenEvents): Promise<TransportListener> {
    this.listening++;
    try {
      const listener = await this.#transport.listen(options, {
        ...events,
        onLink: (link) => {
          this.accepted++;
          this.#keep(link);
          const peer = link.address.toString();
          this.#waiting.set(peer, link);
          link.stream.once('close', () => {
            if (this.#waiting.get(peer) === link) this.#waiting.delete(peer);
          });
          events.onLink(link);
        },
      });
      let open = true;
      return {
        address: listener.address,
        close: () => {
          if (open) this.listening--;
          open = false;
          return listener.close();
        },
      };
    } catch (error) {
      this.listening--;
      throw error;
    }
  }

  async connect(address: SocketAddress, options: TransportConnectOptions): Promise<Link> {
    this.dialling++;
    try {
      const link = await this.#transport.connect(address, options);
      this.#keep(link);
      if (options.cancellation.reason === undefined) {
        this.dialled++;
        // A dial that is cancelled before it hears of its link has none.
        options.cancellation.add(() => void this.dialled--);
      }
      return link;
    } finally {
      this.dialling--;
    }
  }

  #keep(link: Link): void {
    remember(this.#owner, link);
    countTaken(link.stream);
    this.#links.add(link);
    link.stream.once('close', () => this.#links.delete(link));
  }
}

/** The clock of one node: counts the timers that it has not given back. */
export class ClockTap implements Clock {
  readonly #clock: Clock;
  pending = 0;
  /** Of those, the ends of turns that it waits for. */
  turns = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  date(): number {
    return this.#clock.date();
  }

  setTimeout(callback: () => void, delayMs: number, options?: TimerOptions): Timer {
    return this.#count(callback, (call) => this.#clock.setTimeout(call, delayMs, options));
  }

  nextTurn(callback: () => void): Timer {
    this.turns++;
    return this.#count(
      callback,
      (call) => this.#clock.nextTurn(call),
      () => this.turns--,
    );
  }

  #count(callback: () => void, set: (call: () => void) => Timer, onOver = (): void => {}): Timer {
    let waiting = true;
    const over = (): void => {
      if (!waiting) return;
      waiting = false;
      this.pending--;
      onOver();
    };
    this.pending++;
    const timer = set(() => {
      over();
      callback();
    });
    return {
      cancel: () => {
        over();
        timer.cancel();
      },
    };
  }
}
