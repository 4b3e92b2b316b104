import { encodeToBuffer, NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, CodecContext, Decoder, Encoder, NeedMore } from '@pea2pea/core';
import { ChunkQueue, codecName } from '@pea2pea/core/authoring';
import type { BytesFraming } from './framing.js';

/**
 * Frames of `framing` that contain messages of `messages`: any number when received, one when sent. With a transformed
 * framing, it is a record layer: what is encrypted together are several messages.
 *
 * ```text
 * records(lengthDelimited(), lines())
 * [ length | hello LF | how are you? LF ][ length | bye LF ]        three messages
 *
 * records(transformed(lengthDelimited(), cipher), json(lines()))
 * ```
 *
 * note: messages do not cross records: a frame that ends inside a message is a P2P_ERR_INVALID_FRAME. Protocols in which they
 * do have a stream in their records: put a `sealedStream` of `@pea2pea/core/authoring` below the codec.
 * note: to `messages`, the end of a record is the end of a stream: the last of `lines({ unfinished: 'take' })` needs no mark.
 * note: messages of one record that wait for their handler are held by the decoder; the limit of `framing` bounds them.
 */
export function records<In, Out>(framing: BytesFraming, messages: Codec<In, Out>): Codec<In, Out> {
  return {
    name: codecName('records', framing, messages),
    decoder: (context) => new RecordsDecoder(framing.decoder(context), messages, context),
    encoder: (context) => new RecordsEncoder(framing.encoder(context), messages.encoder(context)),
    statelessEncoder: framing.statelessEncoder === true && messages.statelessEncoder === true,
  };
}

class RecordsDecoder<In> implements Decoder<In> {
  readonly #frames: Decoder<Buffer>;
  readonly #codec: Codec<In, never>;
  readonly #context: CodecContext;
  #messages: Decoder<In>;
  /** What is left of the record. */
  readonly #record = new ChunkQueue();
  /** Whether what is left is less than a message, so that the decoder was told of the end. */
  #hasEnded = false;

  constructor(frames: Decoder<Buffer>, codec: Codec<In, never>, context: CodecContext) {
    this.#frames = frames;
    this.#codec = codec;
    this.#context = context;
    this.#messages = codec.decoder(context);
  }

  decode(input: ByteQueue): In | NeedMore {
    return this.#next(() => this.#frames.decode(input));
  }

  end(input: ByteQueue): In | NeedMore {
    return this.#next(() => this.#frames.end?.(input) ?? NEED_MORE);
  }

  holds(): boolean {
    return this.#record.length > 0 || this.#messages.holds?.() === true || this.#frames.holds?.() === true;
  }

  #next(nextFrame: () => Buffer | NeedMore): In | NeedMore {
    for (;;) {
      const message = this.#nextOfRecord();
      if (message !== NEED_MORE) return message;
      const frame = nextFrame();
      if (frame === NEED_MORE) return NEED_MORE;
      if (frame.length > 0) this.#record.push(frame);
    }
  }

  #nextOfRecord(): In | NeedMore {
    const record = this.#record;
    const before = record.length;
    const held = this.#messages.holds?.() === true;
    if (before === 0 && !held) return NEED_MORE;
    const message = this.#hasEnded ? this.#end() : this.#decode();
    if (message === NEED_MORE || held || record.length < before) return message;
    throw new PeerError('P2P_ERR_STALLED_DECODER', 'a message of a record consumed no byte');
  }

  #decode(): In | NeedMore {
    const message = this.#messages.decode(this.#record);
    return message === NEED_MORE && this.#record.length > 0 ? this.#end() : message;
  }

  /** To its messages, a record is a stream; who has seen the end of one is of no use for the next. */
  #end(): In | NeedMore {
    const message = this.#messages.end?.(this.#record) ?? NEED_MORE;
    this.#hasEnded = this.#record.length > 0;
    if (!this.#hasEnded) this.#messages = this.#codec.decoder(this.#context);
    else if (message === NEED_MORE)
      throw new PeerError('P2P_ERR_INVALID_FRAME', 'a record ends inside of a message');
    return message;
  }
}

class RecordsEncoder<Out> implements Encoder<Out> {
  readonly #frames: Encoder<Uint8Array>;
  readonly #messages: Encoder<Out>;

  constructor(frames: Encoder<Uint8Array>, messages: Encoder<Out>) {
    this.#frames = frames;
    this.#messages = messages;
  }

  encode(message: Out, output: ByteSink): void {
    return this.#frames.encode(encodeToBuffer(this.#messages, message), output);
  }
}
