import type { Duplex } from 'node:stream';
import { ChunkQueue } from '../mechanisms/byte-queue.js';
import { setFlowing } from './foreign-stream.js';
import { listenTo, stopListening, type StreamListener } from './stream-events.js';

/** Who is told that bytes were received, and that no more will come. */
export interface IntakeEvents {
  /** @param fresh what had not been received before */
  onData(fresh: Uint8Array): void;
  onEnd(cause?: Error): void;
}

/**
 * One stream of a handshake, and the bytes that were read from it and not used yet.
 *
 * ```text
 *   upgrade(top)      stream 'top'   [ received | of top alone ]
 *                     stream 'link'  [ received | of link alone ]  put back before anything stands on it
 * ```
 *
 * INVARIANT: nothing-crosses-an-upgrade. The bytes belong to their stream: they are used as what came from it, or go back
 * into it. Each stream has an intake of its own, so there is no way from one to another.
 */
export class Intake implements StreamListener {
  readonly stream: Duplex;
  readonly received: ChunkQueue;
  readonly #events: IntakeEvents;
  #listens = false;
  /** How many bytes came, but for those that went back. */
  #came: number;
  /** How many bytes went back into the stream, and will come again. */
  #wentBack = 0;

  /**
   * @param received what was read from `stream` before
   * @param comesAgain how many bytes went back into it before, and will come again
   */
  constructor(stream: Duplex, events: IntakeEvents, received = new ChunkQueue(), comesAgain = 0) {
    this.stream = stream;
    this.received = received;
    this.#came = received.length;
    this.#events = events;
    this.#wentBack = comesAgain;
  }

  /** How many bytes went back into the stream: they are not new when they come. */
  get comesAgain(): number {
    return this.#wentBack;
  }

  /** Whether no more bytes will come; what is `received` is all. */
  get isOver(): boolean {
    return this.stream.destroyed || this.stream.readableEnded;
  }

  /** Reads on, until {@link pause}. */
  resume(): void {
    if (!this.#listens) {
      this.#listens = true;
      listenTo(this.stream, this);
    }
    this.#setFlowing(true);
  }

  pause(): void {
    this.#setFlowing(false);
  }

  #setFlowing(flows: boolean): void {
    const error = setFlowing(this.stream, flows);
    if (error !== undefined) this.#events.onEnd(error);
  }

  /** Listens no more. What is received stays. */
  detach(): void {
    if (!this.#listens) return;
    this.#listens = false;
    stopListening(this.stream);
  }

  /**
   * Lets go of the stream, paused unless somebody else listens to it, with what was received and not used in it again.
   * False when it has ended: then there is no way back for these bytes, and they stay here.
   */
  release(): boolean {
    this.detach();
    const { stream, received } = this;
    // Where nobody listens it would flow on and lose what comes; where somebody does, pausing would stop it for good. One
    // that does not flow is left alone: what is on top may read from its handle, which pausing stops under Deno.
    if (stream.readableFlowing !== false && stream.listenerCount('data') === 0) stream.pause();
    if (received.length === 0) return true;
    if (this.isOver || stream.errored) return false;
    this.#wentBack += received.length;
    this.#came -= received.length;
    stream.unshift(received.read(received.length));
    return true;
  }

  /** Puts `bytes` before what is received, to be read next. @throws {RangeError} where not so many were read from the stream */
  unread(bytes: Uint8Array): void {
    const { received } = this;
    const read = this.#came - received.length;
    if (bytes.length > read) {
      throw new RangeError(`unread(): ${bytes.length} bytes, where ${read} were read from this stream`);
    }
    const rest = received.read(received.length);
    received.push(Buffer.from(bytes));
    received.push(rest);
  }

  onData(chunk: Buffer): void {
    const again = Math.min(this.#wentBack, chunk.length);
    this.#wentBack -= again;
    this.#came += chunk.length;
    this.received.push(chunk);
    this.#events.onData(again === 0 ? chunk : chunk.subarray(again));
  }

  onEnd(): void {
    this.#events.onEnd();
  }

  onError(error: Error): void {
    this.#events.onEnd(error);
  }

  onClose(): void {
    this.#events.onEnd();
  }
}
