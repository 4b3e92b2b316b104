import type { Random } from '@pea2pea/core';
import type { Network } from './network-options.js';

/**
 * What happens to a segment: it arrives, vanishes, or something on the way replies, with a reset or with the word that nobody
 * can be reached.
 */
export type RouteState = 'open' | 'silent' | 'reset' | 'unreachable';

/** The first wait of a sender before it sends again, as Linux has it. */
export const FIRST_RETRY_MS = 200;

/** What a host takes to reach itself. */
const LOOPBACK_MS = 0.02;

/** A machine, as far as its ways are concerned. */
interface Powered {
  readonly isUp: boolean;
  readonly isPlugged: boolean;
}

/** The way from one host to another, in one direction: all connections between the two share it. */
export class Route {
  readonly latencyMs: number;
  readonly from: Powered;
  readonly to: Powered;
  readonly #network: Network;
  readonly #random: Random;
  readonly #isLoopback: boolean;
  #busyUntilMs = 0;
  #state: RouteState = 'open';
  #isUp!: boolean;
  /** Whether a segment arrives that is sent now: looked at once a segment. */
  isPassable!: boolean;
  /** What arrived while the route was held. */
  #held: (() => void)[] | undefined;

  /** @param latencyMs undefined: the way of a host to itself */
  constructor(from: Powered, to: Powered, network: Network, random: Random, latencyMs: number | undefined) {
    this.from = from;
    this.to = to;
    this.#network = network;
    this.#random = random;
    this.#isLoopback = latencyMs === undefined;
    this.latencyMs = latencyMs ?? LOOPBACK_MS;
    this.look();
  }

  /** How faults have left it. */
  get state(): RouteState {
    return this.#state;
  }

  set state(state: RouteState) {
    this.#state = state;
    this.look();
  }

  /** Whether the machines at both ends are up, and have a cable where they need one. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** One of the machines may have come up or gone down, or lost its cable. */
  look(): void {
    const isWired = this.#isLoopback || (this.from.isPlugged && this.to.isPlugged);
    this.#isUp = isWired && this.from.isUp && this.to.isUp;
    this.isPassable = this.#isUp && this.#state === 'open';
  }

  get random(): Random {
    return this.#random;
  }

  /** When `size` bytes that are sent at `nowMs` arrive, if nothing is in their way. */
  arrivalOf(size: number, nowMs: number): number {
    const { bytesPerMs, jitterMs, loss } = this.#network;
    if (this.#isLoopback) return nowMs + this.latencyMs;
    let departsMs = nowMs;
    if (bytesPerMs !== Infinity) {
      this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + size / bytesPerMs;
      departsMs = this.#busyUntilMs;
    }
    let delayMs = this.latencyMs + jitterMs * this.#random.next();
    if (loss > 0) {
      let retryMs = Math.max(FIRST_RETRY_MS, 2 * this.latencyMs);
      for (; this.#random.next() < loss; retryMs *= 2) delayMs += retryMs;
    }
    return departsMs + delayMs;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** From now on what arrives waits. */
  hold(): void {
    this.#held ??= [];
  }

  /** Whether `arrive` was taken, to be called when the route is released. */
  keeps(arrive: () => void): boolean {
    if (this.#held === undefined) return false;
    this.#held.push(arrive);
    return true;
  }

  /** What waited, in the order in which it arrived; nothing waits any more. */
  release(): readonly (() => void)[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }
}
