import { ORDER, SimEvent } from './event-queue.js';
import type { Network } from './network-options.js';
import { FIRST_RETRY_MS, type Route } from './route.js';
import type { Timeline } from './timeline.js';

/** What travels: the last step of a handshake, bytes, or the end of them. */
export class Segment extends SimEvent {
  readonly kind: 'open' | 'data' | 'fin';
  /** Empty unless it is data. */
  bytes: Buffer;
  /** Its place among those of its pipe, from 1 on, and how many places it has: others may have joined it. */
  serial = 0;
  count = 1;
  readonly #pipe: { onArrival(segment: Segment): void };

  constructor(kind: Segment['kind'], pipe: { onArrival(segment: Segment): void }, bytes: Buffer = NO_BYTES) {
    super();
    this.kind = kind;
    this.#pipe = pipe;
    this.bytes = bytes;
  }

  override happen(): void {
    this.#pipe.onArrival(this);
  }
}

/** One end of a pipe. */
interface PipeEnd {
  /** There is room for more bytes again. */
  hasRoom(): void;
}

/** The connection that a pipe belongs to. */
export interface Piped<End> {
  /** Whether both machines are up, and all that is between them still knows of the connection. */
  isUp(): boolean;
  /** Whether something on the way of what `sender` sends replies with a reset. */
  isReset(sender: End): boolean;
  /** `segment` has come to `receiver`. */
  arrived(segment: Segment, receiver: End): void;
  /** `sender` sent again, in vain. */
  retried(sender: End): void;
  /** Nothing that `sender` sent was acknowledged for too long. */
  gaveUp(sender: End): void;
  /** Something on the way replied to `sender` with a reset. */
  wasReset(sender: End): void;
}

/** Where a pipe leads, and how it gets there. */
interface Way<End> {
  readonly sender: End;
  readonly receiver: End;
  readonly there: Route;
  readonly back: Route;
}

const NO_BYTES = Buffer.alloc(0);
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
export class Pipe<End extends PipeEnd> {
  readonly #timeline: Timeline;
  readonly #network: Network;
  readonly #there: Route;
  readonly #back: Route;
  readonly #connection: Piped<End>;
  readonly #sender: End;
  readonly #receiver: End;
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
  #probeMs = 0;
  #lastArrivalMs = 0;
  /** The last segment that is under way: what arrives with it arrives as one. */
  #last: Segment | undefined;
  /** None, most of the time. */
  #stalled: Segment[] | undefined;
  /** The place of the segment that was sent last, and of the one that the receiver needs next. */
  #lastSerial = 0;
  #nextSerial = 1;
  /** Have arrived, and wait for those before them. None, most of the time. */
  #early: Segment[] | undefined;
  #retry: { readonly sinceMs: number; delayMs: number; event: SimEvent } | undefined;

  constructor(timeline: Timeline, network: Network, way: Way<End>, connection: Piped<End>) {
    this.#timeline = timeline;
    this.#network = network;
    this.#there = way.there;
    this.#back = way.back;
    this.#sender = way.sender;
    this.#receiver = way.receiver;
    this.#connection = connection;
  }

  /** Takes bytes; returns whether there is room for more. */
  write(bytes: Buffer): boolean {
    if (this.#isDead) return true;
    if (this.#queuedBytes === 0 && bytes.length <= Math.min(this.#room, MOST_BYTES)) {
      this.#send(bytes);
      return true;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#transmit();
    return this.#queuedBytes <= this.#network.sendBufferBytes;
  }

  /** The last step of the handshake: bytes come after it. */
  open(): void {
    this.#launch(new Segment('open', this));
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
    this.#stalled = undefined;
    this.#stopRetrying();
  }

  /** The receiver has read `size` bytes. */
  consumed(size: number): void {
    this.#readBytes += size;
    if (!this.#isBlocked || this.#updating || this.#isDead) return;
    this.#updating = true;
    this.#timeline.at(this.#timeline.nowMs + this.#back.latencyMs, ORDER.network, this.#onWindow);
  }

  readonly #onWindow = (): void => {
    this.#updating = false;
    if (this.#isDead) return;
    if (this.#back.keeps(this.#onWindow)) return;
    if (!this.#isPassable() || !this.#hasWayBack()) {
      this.#startRetrying();
      return;
    }
    this.#isBlocked = false;
    this.#transmit();
    if (this.#queuedBytes <= this.#network.sendBufferBytes) this.#sender.hasRoom();
  };

  #transmit(): void {
    if (this.#isDead) return;
    while (this.#queue.length > 0) {
      const room = this.#room;
      if (room <= 0) {
        this.#isBlocked = true;
        this.#probe();
        return;
      }
      this.#send(this.#take(Math.min(room, MOST_BYTES)));
    }
    if (!this.#hasEnded || this.#hasSentEnd) return;
    this.#hasSentEnd = true;
    this.#launch(new Segment('fin', this));
  }

  /** What the window lets pass. */
  get #room(): number {
    return this.#network.windowBytes - (this.#sentBytes - this.#readBytes);
  }

  #take(most: number): Buffer {
    const first = this.#queue[0]!;
    const taken = first.length <= most ? first : first.subarray(0, most);
    if (taken === first) this.#queue.shift();
    else this.#queue[0] = first.subarray(most);
    this.#queuedBytes -= taken.length;
    return taken;
  }

  /** Bytes may be cut anywhere. */
  #send(bytes: Buffer): void {
    this.#sentBytes += bytes.length;
    const { random } = this.#there;
    if (bytes.length > 1 && this.#network.split > 0 && random.next() < this.#network.split) {
      const middle = 1 + Math.floor(random.next() * (bytes.length - 1));
      this.#launch(new Segment('data', this, bytes.subarray(0, middle)));
      this.#launch(new Segment('data', this, bytes.subarray(middle)));
    } else {
      this.#launch(new Segment('data', this, bytes));
    }
  }

  #launch(segment: Segment): void {
    if (this.#isDead) return;
    if (segment.serial === 0) segment.serial = ++this.#lastSerial;
    if (this.#stalled !== undefined || !this.#isPassable()) {
      this.#stall(segment);
      return;
    }
    const arrivalMs = this.#there.arrivalOf(segment.bytes.length, this.#timeline.nowMs);
    if (arrivalMs <= this.#lastArrivalMs) {
      // It was faster than the one before, and waits for it.
      if (this.#join(segment)) return;
    } else {
      this.#lastArrivalMs = arrivalMs;
    }
    this.#last = segment;
    this.#timeline.add(segment, this.#lastArrivalMs, ORDER.network);
  }

  #join(segment: Segment): boolean {
    const last = this.#last;
    if (last?.kind !== 'data' || segment.kind !== 'data') return false;
    if (last.serial + last.count !== segment.serial) return false;
    last.count += segment.count;
    last.bytes = Buffer.concat([last.bytes, segment.bytes]);
    return true;
  }

  onArrival(segment: Segment): void {
    if (this.#last === segment) this.#last = undefined;
    if (this.#there.isHeld) this.#there.keeps(() => this.#arrive(segment));
    else this.#arrive(segment);
  }

  #arrive(segment: Segment): void {
    if (this.#isDead) return;
    if (this.#stalled !== undefined || !this.#isPassable()) {
      this.#stall(segment);
      return;
    }
    if (!this.#hasWayBack()) this.#startRetrying(); // it has arrived, and nobody can say so
    if (segment.serial !== this.#nextSerial) {
      (this.#early ??= []).push(segment);
      return;
    }
    this.#deliver(segment);
    if (this.#early !== undefined) this.#deliverEarly(this.#early);
  }

  #deliver(segment: Segment): void {
    this.#nextSerial += segment.count;
    this.#connection.arrived(segment, this.#receiver);
  }

  /** Those that wait no longer for one before them. */
  #deliverEarly(early: Segment[]): void {
    early.sort(inOrder);
    while (early[0]?.serial === this.#nextSerial) this.#deliver(early.shift()!);
    if (early.length === 0) this.#early = undefined;
  }

  #isPassable(): boolean {
    return this.#there.isPassable && this.#connection.isUp();
  }

  #hasWayBack(): boolean {
    return this.#back.state === 'open';
  }

  #stall(segment: Segment): void {
    if (this.#connection.isReset(this.#sender)) {
      this.#connection.wasReset(this.#sender);
      return;
    }
    (this.#stalled ??= []).push(segment);
    this.#startRetrying();
  }

  /** A sender whose window is full asks now and then whether it still is: where nobody replies, it gives up as for bytes. */
  #probe(): void {
    if (this.#probeMs > 0) return;
    this.#probeMs = FIRST_RETRY_MS;
    this.#timeline.at(this.#timeline.nowMs + this.#probeMs, ORDER.network, this.#onProbe);
  }

  readonly #onProbe = (): void => {
    if (this.#isDead || !this.#isBlocked) {
      this.#probeMs = 0;
      return;
    }
    if (this.#retry === undefined) {
      if (this.#connection.isReset(this.#sender)) this.#connection.wasReset(this.#sender);
      else if (!this.#isPassable() || !this.#hasWayBack()) this.#startRetrying();
    }
    this.#probeMs = Math.min(this.#probeMs * 2, LONGEST_RETRY_MS);
    this.#timeline.at(this.#timeline.nowMs + this.#probeMs, ORDER.network, this.#onProbe);
  };

  #startRetrying(): void {
    if (this.#retry !== undefined || this.#isDead) return;
    const delayMs = Math.max(FIRST_RETRY_MS, 2 * this.#there.latencyMs);
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
    this.#connection.retried(this.#sender);
    if (this.#isPassable() && this.#hasWayBack()) {
      this.#retry = undefined;
      const stalled = this.#stalled ?? [];
      this.#stalled = undefined;
      for (const segment of stalled.sort(inOrder)) this.#launch(segment);
      if (this.#isBlocked) this.consumed(0);
      return;
    }
    const endMs = retry.sinceMs + this.#network.giveUpMs;
    if (nowMs >= endMs) {
      this.#retry = undefined;
      this.#connection.gaveUp(this.#sender);
      return;
    }
    retry.delayMs = Math.min(retry.delayMs * 2, LONGEST_RETRY_MS);
    retry.event = this.#timeline.at(Math.min(nowMs + retry.delayMs, endMs), ORDER.network, this.#onRetry);
  };
}

function inOrder(a: Segment, b: Segment): number {
  return a.serial - b.serial;
}
