import type { Duplex } from 'node:stream';
import { NEED_MORE, type Decoder } from '../contracts/codec.js';
import type { DisconnectReason } from '../contracts/connection.js';
import { PeerError } from '../errors/errors.js';
import type { ChunkQueue } from '../mechanisms/byte-queue.js';
import { isOurs, originOf, type ChunkOrigin } from '../mechanisms/own-memory.js';
import { checkMessage } from './check-message.js';

/** Makes messages of the bytes of a connection, one by one, until there are no more. */
export class Decoding {
  /** Bytes received and not decoded. */
  readonly queue: ChunkQueue;
  readonly decoder: Decoder<unknown>;
  /** Whether the decoder is one that can hold messages. */
  readonly mayHold: boolean;
  /** Whether the decoder has returned a message that is one. */
  #isSound = false;
  /** Where the chunks come from, as long as their memory is freed after use. */
  #origin: ChunkOrigin | undefined;
  /** Why the connection ends once what came before was handled; set when the stream is over, or a frame is bad. */
  ending: DisconnectReason | undefined;
  /** There is no message any more; teardown begins when those that came were handled. */
  isOver = false;

  constructor(queue: ChunkQueue, decoder: Decoder<unknown>) {
    this.queue = queue;
    this.decoder = decoder;
    this.mayHold = decoder.holds !== undefined;
  }

  /**
   * `stream` brings what comes from now on.
   * @param hasHandlers whether {@link handled} tells when a message is done with
   */
  readFrom(stream: Duplex, hasHandlers: boolean): void {
    const { keeps } = this.decoder;
    const frees = keeps === 'nothing' || (hasHandlers && keeps === 'borrowed');
    this.#origin = frees ? originOf(stream) : undefined;
  }

  /** Takes a chunk of that stream. */
  push(chunk: Buffer): void {
    if (this.#origin !== undefined && isOurs(this.#origin, chunk)) this.queue.pushOwn(chunk);
    else this.queue.push(chunk);
  }

  /** Messages that were returned are not needed any more, as far as they were borrowed. */
  handled(): void {
    if (this.queue.hasSpent) this.queue.freeSpent();
  }

  /** Whether the decoder has messages without another byte. */
  get holdsMessages(): boolean {
    return this.decoder.holds?.() === true;
  }

  /** Whether the connection ends for a bad frame, of its codec or of its stream, once what came before was handled. */
  get hasFrameError(): boolean {
    const reason = this.ending;
    return reason?.origin === 'reading' && reason.cause === 'invalid-frame';
  }

  /** The next message, or NEED_MORE where there is none for now, or none any more: then {@link isOver} is set. */
  next(): unknown {
    const queue = this.queue;
    const before = queue.length;
    try {
      const holds = this.mayHold && this.holdsMessages;
      if (before === 0 && !holds) return this.ending === undefined ? NEED_MORE : this.#last(before);
      const message: unknown = this.decoder.decode(queue);
      if (queue.hasSpent && this.decoder.keeps === 'nothing') queue.freeSpent();
      const wasConsumed = queue.length < before;
      // A promise is looked for once: a decoder that returns promises does so from its first message on.
      if (wasConsumed && this.#isSound && message !== undefined && message !== NEED_MORE) return message;
      if (message === NEED_MORE) return this.ending === undefined ? NEED_MORE : this.#last(before);
      this.#isSound = true;
      return checkMessage(message, wasConsumed || holds);
    } catch (error) {
      this.ending = { origin: 'reading', cause: 'invalid-frame', error };
      this.isOver = true;
      return NEED_MORE;
    }
  }

  /** As {@link next}, where the stream has ended. */
  #last(before: number): unknown {
    const hasRest = before > 0 && !this.hasFrameError;
    const decoder = this.decoder;
    const message: unknown = hasRest && decoder.end !== undefined ? decoder.end(this.queue) : NEED_MORE;
    if (message !== NEED_MORE) return checkMessage(message, this.queue.length < before);
    if (this.queue.length > 0 && !this.hasFrameError) {
      const what = `the stream ended with ${this.queue.length} bytes of an unfinished frame`;
      const error = new PeerError('P2P_ERR_TRUNCATED_FRAME', what);
      this.ending = { origin: 'reading', cause: 'invalid-frame', error };
    }
    this.isOver = true;
    return NEED_MORE;
  }
}
