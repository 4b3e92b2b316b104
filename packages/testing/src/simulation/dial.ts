import type { SocketAddress } from '@pea2pea/core';
import { PeerError, type Link, type TransportConnectOptions } from '@pea2pea/core';
import { SimConnection, type Side } from './connection.js';
import type { Endpoint } from './endpoint.js';
import { ORDER, type SimEvent } from './event-queue.js';
import type { Incarnation } from './incarnation.js';
import type { Machine } from './machine.js';
import type { Net } from './net.js';
import { pairOf, type OpenDial } from './ports.js';
import { systemError, type SystemCode } from './system-error.js';

/** When a system asks again for a connection that nobody has replied to. */
const FIRST_RETRY_MS = 1_000;
/** How many times that long; then twice as long each time. So does Linux since 6.5 (`tcp_syn_linear_timeouts`). */
const EVEN_RETRIES = 5;

/**
 * A dial: asks again and again, until somebody replies, the system gives up, or the process does.
 *
 * ```text
 *   ask ---> listener: a reply ---> connected, and the first segment is under way
 *       ---> nobody listens: a refusal
 *       ---> nobody is there, the way is cut, or the backlog full: silence
 *       ---> nobody listens, and that one dials back: connected, both of them
 * ```
 */
export class Dial implements OpenDial {
  readonly #net: Net;
  readonly #from: Machine;
  readonly #incarnation: Incarnation;
  readonly #address: SocketAddress;
  readonly #local: SocketAddress;
  readonly #options: TransportConnectOptions;
  readonly #resolve: (link: Link) => void;
  readonly #reject: (error: unknown) => void;
  readonly #sinceMs: number;
  readonly #pair: string;
  #asked = 0;
  #retry: SimEvent | undefined;
  #isSettled = false;
  /** Its end, once it has met a dial that came the other way: nobody asks any more, until that one has heard. */
  #met: Endpoint | undefined;

  constructor(
    net: Net,
    from: Machine,
    local: SocketAddress,
    address: SocketAddress,
    options: TransportConnectOptions,
    outcome: { readonly resolve: (link: Link) => void; readonly reject: (error: unknown) => void },
  ) {
    this.#net = net;
    this.#from = from;
    this.#incarnation = from.incarnation;
    this.#local = local;
    this.#address = address;
    this.#options = options;
    this.#resolve = outcome.resolve;
    this.#reject = outcome.reject;
    this.#sinceMs = net.timeline.nowMs;
    this.#pair = pairOf(local.port, address);
    from.ports.dials.set(this.#pair, this);
    options.cancellation.add(this.#onCancel);
    this.#ask();
  }

  readonly #ask = (): void => {
    const { timeline, network } = this.#net;
    if (this.#isSettled || !this.#incarnation.isAlive) return;
    const nowMs = timeline.nowMs;
    const endMs = this.#sinceMs + network.dialGiveUpMs;
    if (nowMs >= endMs) {
      this.#fail('ETIMEDOUT');
      return;
    }
    const delayMs = FIRST_RETRY_MS * 2 ** Math.max(0, ++this.#asked - EVEN_RETRIES);
    this.#retry = timeline.at(Math.min(nowMs + delayMs, endMs), ORDER.network, this.#ask);
    if (this.#met !== undefined) return;
    this.#net.note('dials', this.#from.subject, this.#address.port);
    if (!this.#from.isPlugged && !this.#address.isLoopback) {
      this.#retry = timeline.at(nowMs, ORDER.network, () => this.#fail('ENETUNREACH'));
      return;
    }
    const to = this.#net.find(this.#from, this.#address);
    if (to === undefined) return;
    this.#travel(this.#from, to, () => this.#arrive(to));
  };

  #arrive(to: Machine): void {
    if (this.#met !== undefined) return;
    const listener = to.ports.listenerAt(this.#address);
    const other = to.ports.dials.get(pairOf(this.#address.port, this.#local));
    if (other !== undefined && other !== this) {
      this.#travel(to, this.#from, () => this.#meet(to, other));
    } else if (listener === undefined) {
      this.#net.note('refuses', to.subject, this.#address.port);
      this.#travel(to, this.#from, () => this.#fail('ECONNREFUSED'));
    } else if (!listener.isFull) {
      const { incarnation } = to;
      const onOpen = (endpoint: Endpoint): void => listener.accept(endpoint);
      this.#travel(to, this.#from, () => this.#connect(to, onOpen, incarnation));
    }
  }

  /** Two dials for one connection (RFC 9293, section 3.5). */
  #meet(to: Machine, other: OpenDial): void {
    if (other.hasMet) return;
    const connection = this.#connect(to, () => other.onOpen());
    other.onMeet(connection.listener);
  }

  // As the one that is met:

  get hasMet(): boolean {
    return this.#isSettled || this.#met !== undefined;
  }

  onMeet(endpoint: Endpoint): void {
    this.#met = endpoint;
  }

  onOpen(): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#hand(this.#met!);
  }

  #travel(from: Machine, to: Machine, arrive: () => void): void {
    const { timeline } = this.#net;
    const route = this.#net.route(from, to);
    const onArrival = (): void => {
      if (this.#isSettled || route.keeps(onArrival)) return;
      if (route.isPassable) arrive();
    };
    if (route.isPassable) {
      timeline.at(route.arrivalOf(0, timeline.nowMs), ORDER.network, onArrival);
    } else if (from === this.#from && (route.state === 'reset' || route.state === 'unreachable')) {
      const code = route.state === 'reset' ? 'ECONNREFUSED' : 'EHOSTUNREACH';
      timeline.at(timeline.nowMs + route.latencyMs, ORDER.network, () => this.#fail(code));
    }
  }

  #connect(to: Machine, onOpen: (endpoint: Endpoint) => void, incarnation = to.incarnation): SimConnection {
    this.#settle();
    const isOutward = this.#from.nat !== undefined && this.#from.nat !== to.nat;
    const here: Side = {
      host: this.#from,
      incarnation: this.#incarnation,
      local: this.#local,
      seenAs: isOutward ? this.#from.nat.translate() : this.#local,
    };
    const there = { host: to, incarnation, local: this.#address, seenAs: this.#address };
    const connection = new SimConnection(this.#net, here, there, onOpen);
    // A process that has died meanwhile: its system knows nothing of such a connection.
    for (const end of [connection.dialler, connection.listener]) if (!end.incarnation.isAlive) end.reset();
    this.#hand(connection.dialler);
    return connection;
  }

  #hand(endpoint: Endpoint): void {
    this.#incarnation.call(() => {
      const { reason } = this.#options.cancellation;
      if (reason === undefined) {
        this.#resolve(endpoint);
      } else {
        endpoint.reset();
        this.#reject(reason);
      }
    });
  }

  #fail(code: SystemCode): void {
    if (this.#isSettled) return;
    this.#abandon();
    const cause = systemError(code, 'connect');
    const error = new PeerError(
      'P2P_ERR_CONNECT_FAILED',
      `cannot connect to ${this.#address}: ${cause.message}`,
      {
        cause,
      },
    );
    this.#incarnation.call(() => this.#reject(error));
  }

  readonly #onCancel = (): void => {
    if (this.#isSettled) return;
    this.#abandon();
    this.#net.note('gives up', this.#from.subject, this.#address.port);
    this.#reject(this.#options.cancellation.reason);
  };

  #abandon(): void {
    this.#settle();
    this.#met?.reset();
    this.#from.ports.releasePair(this.#local.port, this.#address);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#from.ports.dials.delete(this.#pair);
    this.#options.cancellation.remove(this.#onCancel);
    if (this.#retry !== undefined) this.#net.timeline.cancel(this.#retry);
  }
}
