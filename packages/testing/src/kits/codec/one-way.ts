import { NEED_MORE, PeerError } from '@pea2pea/core';
import { ChunkQueue, describe } from '@pea2pea/core/authoring';
import type { Codec, CodecContext, Decoder, Encoder } from '@pea2pea/core';
import { checkMessage, SlabPool, SlabSink } from '@pea2pea/core/internal';
import { Violation } from './codec-facts.js';

/** The sending end of a connection: what throws is rolled back, as the writer of a connection does it. */
export class Sender<Out> {
  readonly #sink = new SlabSink(new SlabPool());
  readonly #encoder: Encoder<Out>;

  constructor(codec: Codec<unknown, Out>, context: CodecContext) {
    this.#encoder = codec.encoder(context);
  }

  /** @throws what the encoder throws; nothing of the message is left then. */
  send(message: Out): void {
    this.#sink.begin();
    try {
      this.#encoder.encode(message, this.#sink);
      this.#sink.commit();
    } catch (error) {
      this.#sink.rollback();
      throw error;
    }
  }

  /** Everything on the wire since the last call. */
  take(): Buffer {
    return Buffer.concat(this.#sink.take().segments);
  }
}

/** The receiving end of a connection, which notices what no decoder may do. */
export class Receiver<In> {
  readonly #queue = new ChunkQueue();
  readonly #decoder: Decoder<In>;
  readonly #maxFrameBytes: number;
  readonly #onMessage: (message: In) => void;

  constructor(
    codec: Codec<In, never>,
    context: CodecContext,
    maxFrameBytes: number,
    onMessage: (message: In) => void,
  ) {
    this.#decoder = codec.decoder(context);
    this.#maxFrameBytes = maxFrameBytes;
    this.#onMessage = onMessage;
  }

  /** Bytes that became no message yet. */
  get left(): number {
    return this.#queue.length;
  }

  /**
   * @throws {PeerError} what the decoder throws.
   * @throws {Violation} when it throws or returns something else, consumes nothing, or waits for too much.
   */
  receive(chunk: Uint8Array): void {
    // A chunk belongs to the queue: memory of its own, as the kernel gives it.
    this.#queue.push(Buffer.from(chunk));
    this.#drain(() => this.#decoder.decode(this.#queue), chunk);
    if (this.#queue.length <= this.#maxFrameBytes) return;
    const detail = `the decoder holds ${this.#queue.length} bytes and wants more; its limit is ${this.#maxFrameBytes}`;
    throw new Violation('bounded', detail, { input: chunk });
  }

  /** The stream ends. @throws as {@link receive}. */
  end(): void {
    const decoder = this.#decoder;
    this.#drain(() => (decoder.end === undefined ? NEED_MORE : decoder.end(this.#queue)));
  }

  /** What the reader of a connection has against it, as a finding. */
  #check(message: In, wasThere: boolean, shown: { readonly input?: Uint8Array }): void {
    try {
      checkMessage(message, wasThere);
    } catch (error) {
      if (!PeerError.is(error)) throw error;
      throw new Violation(
        error.code === 'P2P_ERR_STALLED_DECODER' ? 'consumes' : 'returns',
        error.what,
        shown,
      );
    }
  }

  #drain(next: () => In | typeof NEED_MORE, input?: Uint8Array): void {
    const shown = input === undefined ? {} : { input };
    for (;;) {
      const before = this.#queue.length;
      const holds = this.#decoder.holds?.() === true;
      if (before === 0 && !holds) return;
      let message: In | typeof NEED_MORE;
      try {
        message = next();
      } catch (cause) {
        if (PeerError.is(cause)) throw cause;
        throw new Violation('peer-errors', `the decoder threw ${describe(cause)}`, { ...shown, cause });
      }
      if (message === NEED_MORE) return;
      this.#check(message, this.#queue.length < before || holds, shown);
      this.#onMessage(message);
    }
  }
}
