import type { SocketAddress } from '@pea2pea/core';
import { Endpoint, type Between } from './endpoint.js';
import { ORDER } from './event-queue.js';
import type { Incarnation } from './incarnation.js';
import type { Machine } from './machine.js';
import { Pipe, type Piped, type Segment } from './pipe.js';
import type { Route } from './route.js';
import type { Crossing, Net } from './net.js';
import { subject } from './trace.js';

/** One side of a connection that is to be made. */
export interface Side {
  readonly host: Machine;
  readonly incarnation: Incarnation;
  /** Its address as it knows it, and as the other side sees it. */
  readonly local: SocketAddress;
  readonly seenAs: SocketAddress;
}

/** A connection between two hosts: two ends, and a pipe each way. */
export class SimConnection implements Between, Crossing, Piped<Endpoint> {
  readonly dialler: Endpoint;
  readonly listener: Endpoint;
  readonly hosts: readonly [Machine, Machine];
  readonly #net: Net;
  readonly #there: Route;
  readonly #back: Route;
  readonly #forgetMs: number;
  readonly #onOpen: (endpoint: Endpoint) => void;
  #lastMs: number;
  #isForgotten = false;
  /** The last step of the handshake has arrived: the listener knows of it. */
  #isOpen = false;

  /** @param onOpen the last step of the handshake has reached the listener */
  constructor(net: Net, dialler: Side, listener: Side, onOpen: (endpoint: Endpoint) => void) {
    this.#net = net;
    this.hosts = [dialler.host, listener.host];
    this.#there = net.route(dialler.host, listener.host);
    this.#back = net.route(listener.host, dialler.host);
    this.#forgetMs = Math.min(
      dialler.host.nat?.forgetMs ?? Infinity,
      listener.host.nat?.forgetMs ?? Infinity,
    );
    this.#onOpen = onOpen;
    this.#lastMs = net.timeline.nowMs;
    const addresses = (own: Side, other: Side) => ({ local: own.local, remote: other.seenAs });
    this.dialler = new Endpoint(
      dialler.incarnation,
      addresses(dialler, listener),
      subject(`${dialler.local}-${listener.local}`),
      this,
    );
    this.listener = new Endpoint(
      listener.incarnation,
      addresses(listener, dialler),
      subject(`${listener.local}-${dialler.seenAs}`),
      this,
    );
    const { timeline, network } = net;
    const ways = [
      { sender: this.dialler, receiver: this.listener, there: this.#there, back: this.#back },
      { sender: this.listener, receiver: this.dialler, there: this.#back, back: this.#there },
    ] as const;
    const there = new Pipe(timeline, network, ways[0], this);
    const back = new Pipe(timeline, network, ways[1], this);
    this.dialler.join(there, back);
    this.listener.join(back, there);
    net.connections.add(this);
    net.note('connects', this.dialler.subject);
    there.open();
  }

  sendReset(from: Endpoint): void {
    const { timeline } = this.#net;
    const to = from === this.dialler ? this.listener : this.dialler;
    const route = this.#routeFrom(from);
    const arrive = (): void => {
      if (route.keeps(arrive)) return;
      if (route.isPassable && !this.#isForgotten) this.#reset(to);
    };
    // It is not repeated, and nobody acknowledges it: what is in its way ends it.
    if (route.isPassable && !this.#isForgotten) {
      timeline.at(route.arrivalOf(0, timeline.nowMs), ORDER.network, arrive);
    }
  }

  onClosed(endpoint: Endpoint, keepsSending: boolean): void {
    if (endpoint === this.dialler && !keepsSending) this.#opensNoMore();
    if (!this.dialler.isClosed || !this.listener.isClosed) return;
    this.#net.connections.delete(this);
    for (const [index, endpoint] of [this.dialler, this.listener].entries()) {
      this.hosts[index]!.ports.release(endpoint);
    }
  }

  /** Nobody at the listener has heard of the connection, and nobody will: its system gives it up. */
  #opensNoMore(): void {
    if (!this.#isOpen) this.listener.vanish();
  }

  // What the pipes say and ask:

  /** What is on the way has to hear of it first, and its reply to come back. */
  wasReset(sender: Endpoint): void {
    const { timeline } = this.#net;
    const { latencyMs } = this.#routeFrom(sender);
    timeline.at(timeline.nowMs + latencyMs, ORDER.network, () => {
      this.#reset(sender);
      this.#opensNoMore();
    });
  }

  /** Whether who translates addresses has forgotten it, and tells whoever sends something. */
  isReset(sender: Endpoint): boolean {
    if (this.#routeFrom(sender).state === 'reset') return true;
    return this.#isForgotten && this.hosts.some(({ nat }) => nat?.resetsUnknown === true);
  }

  /** Whoever translates addresses forgets a connection that was silent for long, and lets nothing of it pass. */
  isUp(): boolean {
    if (this.#forgetMs === Infinity) return this.#there.isUp;
    if (this.#isForgotten || !this.#there.isUp) return false;
    this.#isForgotten = this.#net.timeline.nowMs - this.#lastMs > this.#forgetMs;
    return !this.#isForgotten;
  }

  retried(sender: Endpoint): void {
    this.#net.note('retries', sender.subject);
  }

  gaveUp(sender: Endpoint): void {
    this.#net.note('times out', sender.subject);
    // Linux keeps what routers say to itself until it gives up.
    sender.onError(this.#routeFrom(sender).state === 'unreachable' ? 'EHOSTUNREACH' : 'ETIMEDOUT');
    this.#opensNoMore();
  }

  arrived(segment: Segment, receiver: Endpoint): void {
    if (this.#forgetMs !== Infinity) this.#lastMs = this.#net.timeline.nowMs;
    const { subject: who } = receiver;
    if (segment.kind === 'open') {
      if (receiver.isClosed) {
        this.sendReset(receiver);
        return;
      }
      this.#isOpen = true;
      this.#net.note('accepts', who);
      this.#onOpen(receiver);
      return;
    }
    if (segment.kind === 'data') this.#net.note('receives', who, segment.bytes.length, segment.bytes);
    else this.#net.note('ends', who);
    receiver.arrived(segment);
  }

  #routeFrom(sender: Endpoint): Route {
    return sender === this.dialler ? this.#there : this.#back;
  }

  #reset(endpoint: Endpoint): void {
    if (endpoint.isClosed) return;
    this.#net.note('resets', endpoint.subject);
    endpoint.onError('ECONNRESET');
  }
}
