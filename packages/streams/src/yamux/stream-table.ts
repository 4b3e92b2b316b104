import { PeerError, type Clock } from '@pea2pea/core';
import { TokenBucket } from '@pea2pea/core/authoring';
import { streamError } from '../shared/errors.js';
import { violation } from './frame.js';
import type { StreamControl, YamuxStream } from './stream.js';

/**
 * What a peer may do in one breath, and again every second, as long as `maxStreams` is not more: send frames for streams
 * that nobody opened, and reset streams that it opened itself.
 */
const LEAST_PER_SECOND = 1_024;

/** The limits of a {@link StreamTable}; see `YamuxOptions`. */
export interface StreamLimits {
  readonly role: 'client' | 'server';
  readonly maxStreams: number;
  readonly acceptBacklog: number;
  readonly clock: Clock;
}

/** The streams of a session: which there are, which there were, and whether there is room for one more. */
export class StreamTable {
  readonly #limits: StreamLimits;
  readonly #controls = new Map<number, StreamControl>();
  /** Slots that are taken: by the streams that there are, and those that were removed and that something still holds. */
  readonly #count = { inbound: 0, outbound: 0 };
  /** What holds the slot of each stream: the stream itself or its last frame, and its handler. */
  readonly #holds = new Map<YamuxStream, number>();
  readonly #strays: TokenBucket;
  readonly #resets: TokenBucket;
  #unacknowledged = 0;
  #nextId: number;
  /** The highest id of those that the peer has opened. */
  #highestId = 0;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
    this.#nextId = limits.role === 'client' ? 1 : 2;
    const capacity = Math.max(LEAST_PER_SECOND, limits.maxStreams);
    const nowMs = limits.clock.now();
    this.#strays = new TokenBucket({ capacity, perSecond: capacity }, nowMs);
    this.#resets = new TokenBucket({ capacity, perSecond: capacity }, nowMs);
  }

  get size(): number {
    return this.#controls.size;
  }

  get(id: number): StreamControl | undefined {
    return this.#controls.get(id);
  }

  /**
   * The stream of a frame; undefined when it is over, and the frame crossed its end, when it was refused, or when there
   * never was one: some implementations close or reset a stream that they have not announced.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME for too many of the last kind
   */
  find(id: number): StreamControl | undefined {
    const control = this.#controls.get(id);
    if (control !== undefined || (this.#isOurs(id) ? id < this.#nextId : id <= this.#highestId))
      return control;
    if (this.#strays.take(1, this.#limits.clock.now()) > 0) {
      throw violation(`many frames for streams that nobody has opened, the last for stream ${id}`);
    }
    return undefined;
  }

  /** The id for a stream of our own. @throws {PeerError} P2P_ERR_TOO_MANY_STREAMS */
  takeId(): number {
    const { maxStreams, acceptBacklog } = this.#limits;
    if (this.#count.outbound >= maxStreams) {
      throw streamError('P2P_ERR_TOO_MANY_STREAMS', `${maxStreams} streams of this side are open`);
    }
    if (this.#unacknowledged >= acceptBacklog) {
      const what = `${acceptBacklog} streams wait for the peer to acknowledge them`;
      throw streamError('P2P_ERR_TOO_MANY_STREAMS', what);
    }
    const id = this.#nextId;
    if (id > 2 ** 32 - 1)
      throw new PeerError('P2P_ERR_DISCONNECTED', 'the session has used up its stream ids');
    this.#nextId += 2;
    return id;
  }

  /**
   * The peer opens a stream: whether there is room for it, and it does not open and reset one after the other.
   *
   * note: ids need not rise: a peer may number its streams in one order and send them off in another.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when the id is not one of the peer's, or in use
   */
  admits(id: number): boolean {
    if (this.#isOurs(id)) throw violation(`the peer opens stream ${id}, an id of this side`);
    if (this.#controls.has(id)) throw violation(`the peer opens stream ${id}, which is open`);
    this.#highestId = Math.max(this.#highestId, id);
    const resetsTooMany = this.#resets.take(0, this.#limits.clock.now()) > 0;
    return this.#count.inbound < this.#limits.maxStreams && !resetsTooMany;
  }

  add(control: StreamControl): void {
    const { id, direction } = control.stream;
    this.#controls.set(id, control);
    this.#count[direction]++;
    this.#holds.set(control.stream, 1);
    if (!control.acknowledged) this.#unacknowledged++;
  }

  /**
   * A frame of the peer came for the stream, with an ACK or without: either says that the peer has accepted it.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when the peer acknowledges a stream of its own
   */
  heardOf(control: StreamControl, hasAck: boolean): void {
    const { id, direction } = control.stream;
    if (hasAck && direction === 'inbound') throw violation(`an ACK for stream ${id}, which the peer opened`);
    if (!control.acknowledged) this.#unacknowledged--;
    control.acknowledged = true;
  }

  /** The peer has reset the stream. */
  resetByPeer({ direction }: YamuxStream): void {
    if (direction === 'inbound') this.#resets.take(1, this.#limits.clock.now());
  }

  /** The stream is over; its slot stays taken until all that holds it has called {@link vacate}. */
  remove({ id }: YamuxStream): void {
    const control = this.#controls.get(id)!;
    this.#controls.delete(id);
    if (!control.acknowledged) this.#unacknowledged--;
  }

  /** Something more than the stream holds its slot, until it calls what is returned, once. */
  hold(stream: YamuxStream): () => void {
    this.#holds.set(stream, this.#holds.get(stream)! + 1);
    return () => this.vacate(stream);
  }

  /** The stream, or what holds its slot besides, does no longer; the last one releases it. */
  vacate(stream: YamuxStream): void {
    const left = this.#holds.get(stream)! - 1;
    if (left > 0) {
      this.#holds.set(stream, left);
    } else {
      this.#holds.delete(stream);
      this.#count[stream.direction]--;
    }
  }

  /** The session is over. */
  endAll(error: Error, orderly: boolean): void {
    for (const control of [...this.#controls.values()]) control.sessionEnds(error, orderly);
  }

  #isOurs(id: number): boolean {
    return id % 2 === this.#nextId % 2;
  }
}
