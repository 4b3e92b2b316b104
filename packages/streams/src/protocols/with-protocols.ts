import { encodeToBuffer, NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, CodecContext, Decoder, Encoder } from '@pea2pea/core';
import { ChunkQueue, codecName, markHandled, requireInteger, requireKnown } from '@pea2pea/core/authoring';
import { Envelope, MAIN_ID } from './message.js';
import { NEGOTIATED, type Negotiated } from './negotiated.js';
import { goodbyeCodec } from './goodbye.js';

/** Options of {@link withProtocols}. */
export interface WithProtocolsOptions {
  /**
   * The longest message of any protocol in bytes, as its codec writes it; both ways. Received, the `maxFrameLength` of the
   * connection takes its place, where there is one.
   * @default 1048576
   */
  readonly maxFrameLength?: number;
}

const HEAD = 5;

/** Marks what {@link withProtocols} returned. */
export const IS_WITH_PROTOCOLS = Symbol.for('pea2pea.with-protocols');

/**
 * The messages of `codec`, and beside them those of the sub-protocols that plugins bring; {@link protocols} negotiates them.
 * To handlers, nothing changes.
 *
 * ```text
 * [ number of the protocol: 1 byte | length: 4 bytes, big endian | message, as the codec of the protocol writes it ]
 * ```
 *
 * note: both sides have it, with the same `codec`, and the plugin.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense
 */
export function withProtocols<In, Out>(
  codec: Codec<In, Out>,
  options: WithProtocolsOptions = {},
): Codec<In, Out> {
  requireKnown('the options of withProtocols()', options, ['maxFrameLength']);
  const { maxFrameLength = 1024 * 1024 } = options;
  const limit = requireInteger('maxFrameLength', maxFrameLength, { min: 1, max: 2 ** 32 - 1 });
  const made: Codec<In, Out> & { [IS_WITH_PROTOCOLS]: true } = {
    name: codecName('withProtocols', codec),
    [IS_WITH_PROTOCOLS]: true,
    decoder: (context) => new ProtocolsDecoder(codec, context, limit) as Decoder<unknown> as Decoder<In>,
    encoder: (context) => new ProtocolsEncoder(codec, context, limit),
  };
  return made;
}

/** The codecs of a connection, by their numbers. */
function codecsOf(main: Codec<unknown, never>, { context }: CodecContext): Codec<unknown>[] {
  const negotiated: readonly Negotiated[] = context.get(NEGOTIATED) ?? [];
  return [main, goodbyeCodec, ...negotiated.map(({ codec }) => codec)];
}

class ProtocolsDecoder implements Decoder<unknown> {
  readonly #codecs: readonly Codec<unknown>[];
  readonly #context: CodecContext;
  readonly #limit: number;
  readonly #decoders: Decoder<unknown>[] = [];
  readonly #message = new ChunkQueue();

  constructor(main: Codec<unknown, never>, context: CodecContext, limit: number) {
    this.#codecs = codecsOf(main, context);
    this.#context = context;
    this.#limit = limit;
  }

  decode(input: ByteQueue): unknown {
    if (input.length < HEAD) return NEED_MORE;
    const id = input.peek(0);
    const length = input.peekUInt(1, 4);
    const codec = this.#codecs[id];
    if (codec === undefined) throw invalid(`a message is of protocol ${id}, which was not negotiated`);
    const limit = this.#context.limits?.maxFrameLength ?? this.#limit;
    if (length > limit) throw tooLarge(length, limit);
    if (input.length < HEAD + length) return NEED_MORE;
    input.skip(HEAD);
    const message = this.#decodeOne((this.#decoders[id] ??= codec.decoder(this.#context)), input, length);
    return id === MAIN_ID ? message : new Envelope(id, requireMessage(message));
  }

  #decodeOne(decoder: Decoder<unknown>, input: ByteQueue, length: number): unknown {
    const queue = this.#message;
    if (length > 0) queue.push(input.read(length));
    let message: unknown = decoder.decode(queue);
    if (message === NEED_MORE) message = decoder.end?.(queue) ?? NEED_MORE;
    if (message === NEED_MORE || queue.length > 0 || decoder.holds?.() === true)
      throw invalid('a frame does not contain exactly one message');
    return message;
  }
}

class ProtocolsEncoder implements Encoder<unknown> {
  readonly #codecs: readonly Codec<unknown>[];
  readonly #context: CodecContext;
  readonly #limit: number;
  readonly #encoders: Encoder<unknown>[] = [];

  constructor(main: Codec<unknown>, context: CodecContext, limit: number) {
    this.#codecs = codecsOf(main, context);
    this.#context = context;
    this.#limit = limit;
  }

  encode(message: unknown, output: ByteSink): void {
    const { id, message: content } = message instanceof Envelope ? message : { id: MAIN_ID, message };
    const codec = this.#codecs[id]!; // numbers come from what was negotiated
    const bytes = encodeToBuffer((this.#encoders[id] ??= codec.encoder(this.#context)), content);
    if (bytes.length > this.#limit) throw tooLarge(bytes.length, this.#limit);
    output.writeUInt(id, 1);
    output.writeUInt(bytes.length, 4);
    output.write(bytes);
  }
}

/** Nobody else looks into an envelope. @throws {PeerError} P2P_ERR_BAD_DECODER */
function requireMessage(message: unknown): unknown {
  const isLate = message instanceof Promise;
  if (isLate) void markHandled(message); // nobody will await it
  if (!isLate && message !== undefined) return message;
  const what = `the decoder of a protocol returned ${isLate ? 'a promise' : 'undefined'}`;
  throw new PeerError('P2P_ERR_BAD_DECODER', what);
}

function tooLarge(length: number, limit: number): PeerError {
  return new PeerError('P2P_ERR_FRAME_TOO_LARGE', `a message has ${length} bytes, the limit is ${limit}`);
}

function invalid(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', what);
}
