import { PeerError } from '@pea2pea/core';
import { streamError } from '../shared/errors.js';
import { violation } from './frame.js';
import type { StreamControl, YamuxStream } from './stream.js';

/** The limits of a {@link StreamTable}; see `YamuxOptions`. */
export interface StreamLimits {
  readonly role: 'client' | 'server';
  readonly maxStreams: number;
  readonly acceptBacklog: number;
}

/** The streams of a session: which there are, which there were, and whether there is room for one more. */
export class StreamTable {
  readonly #limits: StreamLimits;
  readonly #controls = new Map<number, StreamControl>();
  /** Slots that are taken: by the streams that there are, and those that were removed and not yet vacated. */
  readonly #count = { inbound: 0, outbound: 0 };
  #unacknowledged = 0;
  #nextId: number;
  /** The highest id of those that the peer has opened. */
  #highestId = 0;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
    this.#nextId = limits.role === 'client' ? 1 : 2;
  }

  get size(): number {
    return this.#controls.size;
  }

  get(id: number): StreamControl | undefined {
    return this.#controls.get(id);
  }

  /**
   * The stream of a frame; undefined when it is over: the frame crossed its end, or it was refused.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when there never was one
   */
  find(id: number): StreamControl | undefined {
    const control = this.#controls.get(id);
    if (control === undefined && (this.#isOurs(id) ? id >= this.#nextId : id > this.#highestId)) {
      throw violation(`a frame for stream ${id}, which nobody has opened`);
    }
    return control;
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
   * The peer opens a stream: whether there is room for it.
   *
   * note: ids need not rise: a peer may number its streams in one order and send them off in another.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when the id is not one of the peer's, or in use
   */
  admits(id: number): boolean {
    if (this.#isOurs(id)) throw violation(`the peer opens stream ${id}, an id of this side`);
    if (this.#controls.has(id)) throw violation(`the peer opens stream ${id}, which is open`);
    this.#highestId = Math.max(this.#highestId, id);
    return this.#count.inbound < this.#limits.maxStreams;
  }

  add(control: StreamControl): void {
    const { id, direction } = control.stream;
    this.#controls.set(id, control);
    this.#count[direction]++;
    if (!control.acknowledged) this.#unacknowledged++;
  }

  /** @throws {PeerError} P2P_ERR_INVALID_FRAME when the peer acknowledges a stream of its own */
  acknowledge(control: StreamControl): void {
    const { id, direction } = control.stream;
    if (direction === 'inbound') throw violation(`an ACK for stream ${id}, which the peer opened`);
    if (!control.acknowledged) this.#unacknowledged--;
    control.acknowledged = true;
  }

  /** The stream is over; its slot stays taken until {@link vacate}. */
  remove({ id }: YamuxStream): void {
    const control = this.#controls.get(id)!;
    this.#controls.delete(id);
    if (!control.acknowledged) this.#unacknowledged--;
  }

  /** Releases the slot of a stream that was removed. */
  vacate({ direction }: YamuxStream): void {
    this.#count[direction]--;
  }

  /** The session is over. */
  endAll(error: Error, orderly: boolean): void {
    for (const control of [...this.#controls.values()]) control.sessionEnds(error, orderly);
  }

  #isOurs(id: number): boolean {
    return id % 2 === this.#nextId % 2;
  }
}
