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

/** A dial that nobody has replied to, as one has it that comes the other way. */
export interface OpenDial {
  /** Whether it has an end of a connection already, or is over. */
  readonly hasMet: boolean;
  /** They met: this is its end. */
  onMeet(endpoint: Endpoint): void;
  /** It has heard of that. */
  onOpen(): void;
}

/** How a dial, and its address pair, are found. */
export function pairOf(port: number, remote: SocketAddress): string {
  return `${port} ${remote}`;
}

/** The ports of a host: who listens, and which address pairs are in use or have to rest. */
export class Ports {
  readonly #timeline: Timeline;
  readonly #timeWaitMs: number;
  readonly #listeners = new Map<number, SimListener[]>();
  readonly #pairs = new Set<string>();
  /** Those that nobody has replied to, by {@link pairOf}. */
  readonly dials = new Map<string, OpenDial>();
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
      const pair = pairOf(candidate, remote);
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
    this.#pairs.delete(pairOf(port, remote));
  }

  /** A connection is over. */
  release(endpoint: Endpoint): void {
    const pair = pairOf(endpoint.localAddress.port, endpoint.address);
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
    this.clearProcess();
    this.#pairs.clear();
    this.#resting.clear();
  }

  /** The process is dead: nobody listens and dials any more. */
  clearProcess(): void {
    this.#listeners.clear();
    this.dials.clear();
  }

  #rests(pair: string): boolean {
    const untilMs = this.#resting.get(pair);
    if (untilMs === undefined) return false;
    if (untilMs > this.#timeline.nowMs) return true;
    this.#resting.delete(pair);
    return false;
  }
}
