import type { Network } from './network-options.js';
import { ORDER, type SimEvent } from './event-queue.js';
import { FIRST_RETRY_MS, type Route } from './route.js';
import type { Timeline } from './timeline.js';

/** What travels: the last step of a handshake, bytes, or the end of them. */
export type Segment = { readonly kind: 'open' | 'fin' } | { readonly kind: 'data'; bytes: Buffer };

/** The way of a pipe, there and back. */
export interface Way {
  readonly there: Route;
  readonly back: Route;
  /** Whether both machines are up, and all that is between them still knows of the connection. */
  isUp(): boolean;
  /** Something arrived. */
  touch(): void;
}

/** The two ends of a pipe. */
export interface PipeEnds {
  /** At the receiver. */
  arrived(segment: Segment): void;
  /** At the sender: there is room again. */
  hasRoom(): void;
  /** At the sender: it sent again, in vain. */
  retried(): void;
  /** At the sender: nothing was acknowledged for too long. */
  gaveUp(): void;
  /** At the sender: something on the way replied with a reset. */
  wasReset(): void;
}

/** The largest segment, and what one read of a socket returns at most. */
export const MOST_BYTES = 64 * 1024;
const LONGEST_RETRY_MS = 120_000;

/**
 * One direction of a connection, as TCP has it: bytes arrive complete and in order, or not at all.
 *
 * ```text
 *   write -> #queue (sendBufferBytes) -> under way and unread (windowBytes) -> arrived -> read
 *                                        `- #stalled: lost, and sent again
 * ```
 *
 * note: acknowledgements and windows have no events of their own. What the sender knows of them is computed where it matters:
 * a sender whose window is full hears of what was read a latency later, and one whose acknowledgements cannot come back retries.
 */
export class Pipe {
  readonly #timeline: Timeline;
  readonly #network: Network;
  readonly #way: Way;
  readonly #ends: PipeEnds;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #sentBytes = 0;
  #readBytes = 0;
  #hasEnded = false;
  #hasSentEnd = false;
  #isDead = false;
  /** A window is full, and its update under way or still to come. */
  #isBlocked = false;
  #updating = false;
  #lastArrivalMs = 0;
  /** The last segment that is under way: what arrives with it arrives as one. */
  #last: Segment | undefined;
  /** Arrive one after the other, each with an event of its own. */
  readonly #underWay: Segment[] = [];
  readonly #stalled: Segment[] = [];
  #retry: { readonly sinceMs: number; delayMs: number; event: SimEvent } | undefined;

  constructor(timeline: Timeline, network: Network, way: Way, ends: PipeEnds) {
    this.#timeline = timeline;
    this.#network = network;
    this.#way = way;
    this.#ends = ends;
  }

  /** Takes bytes; returns whether there is room for more. */
  write(bytes: Buffer): boolean {
    if (this.#isDead) return true;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#transmit();
    return this.#queuedBytes <= this.#network.sendBufferBytes;
  }

  /** The last step of the handshake: bytes come after it. */
  open(): void {
    this.#launch({ kind: 'open' }, 0);
  }

  /** No more bytes after those that were written. */
  end(): void {
    this.#hasEnded = true;
    this.#transmit();
  }

  /** Whether the end was asked for. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Nothing that was not delivered arrives any more. */
  die(): void {
    this.#isDead = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#stalled.length = 0;
    this.#stopRetrying();
  }

  /** The receiver has read `size` bytes. */
  consumed(size: number): void {
    this.#readBytes += size;
    if (!this.#isBlocked || this.#updating || this.#isDead) return;
    this.#updating = true;
    const { back } = this.#way;
    this.#timeline.at(this.#timeline.nowMs + back.latencyMs, ORDER.network, this.#onWindow);
  }

  readonly #onWindow = (): void => {
    this.#updating = false;
    if (this.#isDead) return;
    if (this.#way.back.keeps(this.#onWindow)) return;
    if (!this.#isPassable() || !this.#hasWayBack()) {
      this.#startRetrying();
      return;
    }
    this.#isBlocked = false;
    this.#transmit();
    if (this.#queuedBytes <= this.#network.sendBufferBytes) this.#ends.hasRoom();
  };

  #transmit(): void {
    if (this.#isDead) return;
    while (this.#queue.length > 0) {
      const room = this.#network.windowBytes - (this.#sentBytes - this.#readBytes);
      if (room <= 0) {
        this.#isBlocked = true;
        return;
      }
      this.#cut(this.#take(Math.min(room, MOST_BYTES)));
    }
    if (!this.#hasEnded || this.#hasSentEnd) return;
    this.#hasSentEnd = true;
    this.#launch({ kind: 'fin' }, 0);
  }

  #take(most: number): Buffer {
    const first = this.#queue[0]!;
    const taken = first.length <= most ? first : first.subarray(0, most);
    if (taken === first) this.#queue.shift();
    else this.#queue[0] = first.subarray(most);
    this.#queuedBytes -= taken.length;
    this.#sentBytes += taken.length;
    return taken;
  }

  /** Bytes may be cut anywhere. */
  #cut(bytes: Buffer): void {
    const { random } = this.#way.there;
    if (bytes.length > 1 && this.#network.split > 0 && random.next() < this.#network.split) {
      const middle = 1 + Math.floor(random.next() * (bytes.length - 1));
      this.#launch({ kind: 'data', bytes: bytes.subarray(0, middle) }, middle);
      this.#launch({ kind: 'data', bytes: bytes.subarray(middle) }, bytes.length - middle);
    } else {
      this.#launch({ kind: 'data', bytes }, bytes.length);
    }
  }

  #launch(segment: Segment, size: number): void {
    if (this.#isDead) return;
    if (this.#stalled.length > 0 || !this.#isPassable()) {
      this.#stall(segment);
      return;
    }
    const nowMs = this.#timeline.nowMs;
    const arrivalMs = this.#way.there.arrivalOf(size, nowMs);
    if (arrivalMs <= this.#lastArrivalMs) {
      // It was faster than the one before, and waits for it.
      if (this.#join(segment)) return;
    } else {
      this.#lastArrivalMs = arrivalMs;
    }
    this.#last = segment;
    this.#underWay.push(segment);
    this.#timeline.at(this.#lastArrivalMs, ORDER.network, this.#onArrival);
  }

  #join(segment: Segment): boolean {
    const last = this.#last;
    if (last?.kind !== 'data' || segment.kind !== 'data') return false;
    last.bytes = Buffer.concat([last.bytes, segment.bytes]);
    return true;
  }

  readonly #onArrival = (): void => {
    const segment = this.#underWay.shift()!;
    if (this.#last === segment) this.#last = undefined;
    if (this.#way.there.isHeld) this.#way.there.keeps(() => this.#arrive(segment));
    else this.#arrive(segment);
  };

  #arrive(segment: Segment): void {
    if (this.#isDead) return;
    if (this.#stalled.length > 0 || !this.#isPassable()) {
      this.#stall(segment);
      return;
    }
    this.#way.touch();
    if (!this.#hasWayBack()) this.#startRetrying(); // it has arrived, and nobody can say so
    this.#ends.arrived(segment);
  }

  #isPassable(): boolean {
    return this.#way.there.state === 'open' && this.#way.isUp();
  }

  #hasWayBack(): boolean {
    return this.#way.back.state === 'open';
  }

  #stall(segment: Segment): void {
    if (this.#way.there.state === 'reset') {
      this.#ends.wasReset();
      return;
    }
    this.#stalled.push(segment);
    this.#startRetrying();
  }

  #startRetrying(): void {
    if (this.#retry !== undefined || this.#isDead) return;
    const delayMs = Math.max(FIRST_RETRY_MS, 2 * this.#way.there.latencyMs);
    const nowMs = this.#timeline.nowMs;
    const event = this.#timeline.at(nowMs + delayMs, ORDER.network, this.#onRetry);
    this.#retry = { sinceMs: nowMs, delayMs, event };
  }

  #stopRetrying(): void {
    if (this.#retry !== undefined) this.#timeline.cancel(this.#retry.event);
    this.#retry = undefined;
  }

  readonly #onRetry = (): void => {
    const retry = this.#retry;
    if (retry === undefined) return;
    const nowMs = this.#timeline.nowMs;
    this.#ends.retried();
    if (this.#isPassable() && this.#hasWayBack()) {
      this.#retry = undefined;
      for (const segment of this.#stalled.splice(0)) {
        this.#launch(segment, segment.kind === 'data' ? segment.bytes.length : 0);
      }
      if (this.#isBlocked) this.consumed(0);
      return;
    }
    if (nowMs - retry.sinceMs >= this.#network.giveUpMs) {
      this.#retry = undefined;
      this.#ends.gaveUp();
      return;
    }
    retry.delayMs = Math.min(retry.delayMs * 2, LONGEST_RETRY_MS);
    const untilMs = Math.min(nowMs + retry.delayMs, retry.sinceMs + this.#network.giveUpMs);
    retry.event = this.#timeline.at(untilMs, ORDER.network, this.#onRetry);
  };
}
