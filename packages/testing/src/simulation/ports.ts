import type { SocketAddress } from '@pea2pea/core';
import type { Endpoint } from './endpoint.js';
import type { SimListener } from './sim-listener.js';
import { systemError } from './system-error.js';
import type { Timeline } from './timeline.js';

/** The first port that a dialler is given, as the dynamic ports of RFC 6335 begin. */
const FIRST_DYNAMIC_PORT = 49_152;
const WILDCARDS = ['0.0.0.0', '::'];
/** Rests are looked through when there are so many. */
const MANY = 1_024;

/** The ports of a host: who listens, and which address pairs are in use or have to rest. */
export class Ports {
  readonly #timeline: Timeline;
  readonly #timeWaitMs: number;
  readonly #listeners = new Map<number, SimListener[]>();
  readonly #pairs = new Set<string>();
  /** When their rest is over. */
  readonly #resting = new Map<string, number>();
  #next = FIRST_DYNAMIC_PORT;

  constructor(timeline: Timeline, timeWaitMs: number) {
    this.#timeline = timeline;
    this.#timeWaitMs = timeWaitMs;
  }

  /** A port that nobody listens at. */
  takeAny(): number {
    do this.#next = this.#next === 65_535 ? FIRST_DYNAMIC_PORT : this.#next + 1;
    while (this.#listeners.has(this.#next));
    return this.#next;
  }

  /**
   * Takes the pair of `port`, or of any, and `remote`.
   *
   * @throws EADDRINUSE where somebody listens at `port`, EADDRNOTAVAIL where the pair is in use or rests.
   */
  takePair(port: number | undefined, remote: SocketAddress): number {
    if (port !== undefined && this.#listeners.has(port)) throw systemError('EADDRINUSE', 'bind');
    for (let tries = 0; tries < 65_536 - FIRST_DYNAMIC_PORT; tries++) {
      const candidate = port ?? this.takeAny();
      const pair = `${candidate} ${remote}`;
      if (!this.#pairs.has(pair) && !this.#rests(pair)) {
        this.#pairs.add(pair);
        return candidate;
      }
      if (port !== undefined) break;
    }
    throw systemError('EADDRNOTAVAIL', 'connect');
  }

  /** A dial that came to nothing. */
  releasePair(port: number, remote: SocketAddress): void {
    this.#pairs.delete(`${port} ${remote}`);
  }

  /** A connection is over. */
  release(endpoint: Endpoint): void {
    const pair = `${endpoint.localAddress.port} ${endpoint.address}`;
    this.#pairs.delete(pair);
    if (!endpoint.mustWait || this.#timeWaitMs === 0) return;
    if (this.#resting.size > MANY) for (const old of this.#resting.keys()) this.#rests(old);
    this.#resting.set(pair, this.#timeline.nowMs + this.#timeWaitMs);
  }

  /** @throws EADDRINUSE where somebody listens there. */
  listen(listener: SimListener): void {
    const { host, port } = listener.address;
    const others = this.#listeners.get(port) ?? [];
    const isTaken = others.some(({ address }) => {
      return address.host === host || WILDCARDS.includes(address.host) || WILDCARDS.includes(host);
    });
    if (isTaken) throw systemError('EADDRINUSE', 'listen');
    this.#listeners.set(port, [...others, listener]);
  }

  unlisten(listener: SimListener): void {
    const { port } = listener.address;
    const others = (this.#listeners.get(port) ?? []).filter((other) => other !== listener);
    if (others.length === 0) this.#listeners.delete(port);
    else this.#listeners.set(port, others);
  }

  /** Who listens at `address`. */
  listenerAt({ host, port }: SocketAddress): SimListener | undefined {
    const wildcards = host.includes(':') ? ['::'] : WILDCARDS;
    return this.#listeners
      .get(port)
      ?.find(({ address }) => address.host === host || wildcards.includes(address.host));
  }

  /** The machine has lost its power: nobody listens, and nothing rests. */
  clear(): void {
    this.#listeners.clear();
    this.#pairs.clear();
    this.#resting.clear();
  }

  /** The process is dead: nobody listens any more. */
  clearListeners(): void {
    this.#listeners.clear();
  }

  #rests(pair: string): boolean {
    const untilMs = this.#resting.get(pair);
    if (untilMs === undefined) return false;
    if (untilMs > this.#timeline.nowMs) return true;
    this.#resting.delete(pair);
    return false;
  }
}
