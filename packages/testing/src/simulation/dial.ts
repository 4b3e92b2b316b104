import type { SocketAddress } from '@pea2pea/core';
import { PeerError, type Link, type TransportConnectOptions } from '@pea2pea/core';
import { SimConnection, type Side } from './connection.js';
import { ORDER, type SimEvent } from './event-queue.js';
import type { Incarnation } from './incarnation.js';
import type { Machine } from './machine.js';
import type { Net } from './net.js';
import type { SimListener } from './sim-listener.js';
import { systemError, type SystemCode } from './system-error.js';

/** When a system asks again for a connection that nobody has replied to; twice as long each time. */
const FIRST_RETRY_MS = 1_000;

/**
 * A dial: asks again and again, until somebody replies, the system gives up, or the process does.
 *
 * ```text
 *   ask ---> listener: a reply ---> connected, and the first segment is under way
 *       ---> nobody listens: a refusal
 *       ---> nobody is there, the way is cut, or the backlog full: silence
 * ```
 */
export class Dial {
  readonly #net: Net;
  readonly #from: Machine;
  readonly #incarnation: Incarnation;
  readonly #address: SocketAddress;
  readonly #local: SocketAddress;
  readonly #options: TransportConnectOptions;
  readonly #resolve: (link: Link) => void;
  readonly #reject: (error: unknown) => void;
  readonly #sinceMs: number;
  #delayMs = FIRST_RETRY_MS;
  #retry: SimEvent | undefined;
  #isSettled = false;

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
    options.cancellation.add(this.#onCancel);
    this.#ask();
  }

  readonly #ask = (): void => {
    const { timeline, network } = this.#net;
    if (this.#isSettled || !this.#incarnation.isAlive) return;
    const nowMs = timeline.nowMs;
    const leftMs = this.#sinceMs + network.dialGiveUpMs - nowMs;
    if (leftMs <= 0) {
      this.#fail('ETIMEDOUT');
      return;
    }
    this.#net.note('dials', this.#from.subject, this.#address.port);
    this.#retry = timeline.at(nowMs + Math.min(this.#delayMs, leftMs), ORDER.network, this.#ask);
    this.#delayMs *= 2;
    const to = this.#net.find(this.#from, this.#address);
    if (to === undefined) return;
    this.#travel(this.#from, to, () => this.#arrive(to));
  };

  #arrive(to: Machine): void {
    const listener = to.ports.listenerAt(this.#address);
    if (listener === undefined) {
      this.#net.note('refuses', to.subject, this.#address.port);
      this.#travel(to, this.#from, () => this.#fail('ECONNREFUSED'));
    } else if (!listener.isFull) {
      this.#travel(to, this.#from, () => this.#connect(to, listener));
    }
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
    } else if (route.state === 'reset' && from === this.#from) {
      timeline.at(timeline.nowMs + route.latencyMs, ORDER.network, () => this.#fail('ECONNREFUSED'));
    }
  }

  #connect(to: Machine, listener: SimListener): void {
    this.#settle();
    const isOutward = this.#from.nat !== undefined && this.#from.nat !== to.nat;
    const here: Side = {
      host: this.#from,
      incarnation: this.#incarnation,
      local: this.#local,
      seenAs: isOutward ? this.#from.nat.translate() : this.#local,
    };
    const there = { host: to, incarnation: to.incarnation, local: this.#address, seenAs: this.#address };
    const connection = new SimConnection(this.#net, here, there, (endpoint) => listener.accept(endpoint));
    this.#incarnation.call(() => {
      const { reason } = this.#options.cancellation;
      if (reason === undefined) {
        this.#resolve(connection.dialler);
      } else {
        connection.dialler.reset();
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
    this.#from.ports.releasePair(this.#local.port, this.#address);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#options.cancellation.remove(this.#onCancel);
    if (this.#retry !== undefined) this.#net.timeline.cancel(this.#retry);
  }
}
