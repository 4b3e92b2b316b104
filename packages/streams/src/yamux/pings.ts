import type { PeerError, Clock, Timer } from '@pea2pea/core';
import { defer, overdueAwake, type Deferred } from '@pea2pea/core/authoring';
import { streamError } from '../shared/errors.js';

/** What {@link Pings} needs of the session. */
export interface PingHost {
  readonly clock: Clock;
  readonly pingTimeoutMs: number;
  /** 0 = never. */
  readonly keepAliveIntervalMs: number;
  sendPing(value: number): void;
  /** Whether we read nothing ourselves, so that a reply could not be heard. */
  isDeaf(): boolean;
  /** A ping of the keep-alive went unanswered. */
  onDead(error: PeerError): void;
}

interface Ping {
  readonly value: number;
  readonly sentAtMs: number;
  /** With the round trip, in milliseconds. */
  readonly answer: Deferred<number>;
  readonly timer: Timer;
}

/** A process in which only pings are left ends. */
const WATCHES = { keepsAlive: false };

/** The pings that we send: one at a time; callers that ask meanwhile share its reply. */
export class Pings {
  readonly #host: PingHost;
  #next = 0;
  #ping: Ping | undefined;
  #keepAlive: Timer | undefined;
  /** How often something came. */
  #heard = 0;
  /** {@link Pings.#heard} when the keep-alive looked last. */
  #heardBefore = 0;

  constructor(host: PingHost) {
    this.#host = host;
    this.#watch();
  }

  /** The round trip, in milliseconds. @throws {PeerError} P2P_ERR_PING_TIMEOUT */
  ping(): Promise<number> {
    if (this.#ping !== undefined) return this.#ping.answer.promise;
    const { answer, value } = (this.#ping = this.#begin());
    this.#host.sendPing(value); // the reply may come within this very call
    return answer.promise;
  }

  /** The peer is there. */
  heard(): void {
    this.#heard++;
  }

  /** A reply came. One that nobody waits for any more is late, and ignored. */
  answered(value: number): void {
    const ping = this.#ping;
    if (ping?.value !== value) return;
    this.#take(ping);
    ping.answer.resolve(this.#host.clock.now() - ping.sentAtMs);
  }

  /** No more pings; one that waits is rejected. */
  stop(error: Error): void {
    this.#keepAlive?.cancel();
    const ping = this.#ping;
    if (ping === undefined) return;
    this.#take(ping);
    ping.answer.reject(error);
  }

  #begin(): Ping {
    const { clock, pingTimeoutMs } = this.#host;
    const value = this.#next;
    this.#next = (this.#next + 1) % 2 ** 32;
    const timer = overdueAwake(clock, pingTimeoutMs, () => this.#late(), WATCHES);
    return { value, sentAtMs: clock.now(), answer: defer(), timer };
  }

  #late(): void {
    const ping = this.#ping!;
    this.#take(ping);
    ping.answer.reject(streamError('P2P_ERR_PING_TIMEOUT', `no pong within ${this.#host.pingTimeoutMs} ms`));
  }

  #take(ping: Ping): void {
    ping.timer.cancel();
    this.#ping = undefined;
  }

  #watch(): void {
    const { clock, keepAliveIntervalMs } = this.#host;
    if (keepAliveIntervalMs === 0) return;
    const look = (): void => {
      this.#watch();
      const before = this.#heardBefore;
      const heard = (this.#heardBefore = this.#heard);
      if (heard !== before || this.#host.isDeaf()) return;
      this.ping().catch((error: PeerError) => {
        if (this.#heard === heard && !this.#host.isDeaf()) this.#host.onDead(error);
      });
    };
    // It judges nobody: at worst a ping is sent that was not needed.
    this.#keepAlive = clock.setTimeout(look, keepAliveIntervalMs, WATCHES);
  }
}
