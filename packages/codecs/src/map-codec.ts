import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, Decoder, Encoder, Keeps, NeedMore } from '@pea2pea/core';
import { codecName } from '@pea2pea/core/authoring';
import { breachOf } from './synchronous.js';

/** The two ways between the messages of a codec and the messages of the one built on it. */
export interface CodecMaps<InnerIn, InnerOut, In, Out = In> {
  /** What a received message means. Throws for one that means nothing; that ends the connection. */
  decode(message: InnerIn): In;
  /** How a message is sent. Throws for one that cannot be sent; that fails this send alone. */
  encode(message: Out): InnerOut;
}

/**
 * A codec whose messages are those of `inner`, seen through two maps.
 *
 * ```text
 * wire -> inner.decode -> maps.decode -> message
 * wire <- inner.encode <- maps.encode <- message
 * ```
 *
 * note: the maps belong to all connections; what they remember, all share. Where `inner` encodes alike,
 * a broadcast is mapped and encoded once.
 * note: maps are synchronous. One that returns a promise, and a `decode` that returns undefined, break their contract:
 * received that is a P2P_ERR_BAD_DECODER, which is not the fault of the peer; sent, a P2P_ERR_INVALID_FRAME.
 * note: what a map throws becomes a P2P_ERR_INVALID_FRAME with it as `cause`, unless it is a PeerError already.
 */
export function mapCodec<InnerIn, InnerOut, In, Out = In>(
  inner: Codec<InnerIn, InnerOut>,
  maps: CodecMaps<InnerIn, InnerOut, In, Out>,
): Codec<In, Out> {
  return mapped('mapCodec', inner, maps);
}

/** As {@link mapCodec}, named after `maker`; `copies` says that no message that is received has bytes of the one of `inner`. */
export function mapped<InnerIn, InnerOut, In, Out = In>(
  maker: string,
  inner: Codec<InnerIn, InnerOut>,
  maps: CodecMaps<InnerIn, InnerOut, In, Out>,
  copies = false,
): Codec<In, Out> {
  return {
    name: codecName(maker, inner),
    decoder: (context) => new MappedDecoder(inner.decoder(context), maps, copies),
    encoder: (context) => new MappedEncoder(inner.encoder(context), maps),
    statelessEncoder: inner.statelessEncoder === true,
  };
}

class MappedDecoder<InnerIn, In> implements Decoder<In> {
  readonly keeps: Keeps | undefined;
  readonly #inner: Decoder<InnerIn>;
  readonly #maps: { decode(message: InnerIn): In };

  constructor(inner: Decoder<InnerIn>, maps: { decode(message: InnerIn): In }, copies: boolean) {
    this.#inner = inner;
    this.#maps = maps;
    this.keeps = inner.keeps !== undefined && copies ? 'nothing' : inner.keeps;
  }

  decode(input: ByteQueue): In | NeedMore {
    return this.#map(this.#inner.decode(input));
  }

  end(input: ByteQueue): In | NeedMore {
    return this.#inner.end === undefined ? NEED_MORE : this.#map(this.#inner.end(input));
  }

  holds(): boolean {
    return this.#inner.holds?.() === true;
  }

  #map(message: InnerIn | NeedMore): In | NeedMore {
    if (message === NEED_MORE) return NEED_MORE;
    let mapped: In;
    try {
      mapped = this.#maps.decode(message);
    } catch (error) {
      throw asInvalidFrame(error, 'a received message makes no sense to the map of the codec');
    }
    const breach = breachOf(mapped);
    if (breach === undefined) return mapped;
    throw new PeerError('P2P_ERR_BAD_DECODER', `the map \`decode\` of a codec returned ${breach}`);
  }
}

class MappedEncoder<InnerOut, Out> implements Encoder<Out> {
  readonly #inner: Encoder<InnerOut>;
  readonly #maps: { encode(message: Out): InnerOut };

  constructor(inner: Encoder<InnerOut>, maps: { encode(message: Out): InnerOut }) {
    this.#inner = inner;
    this.#maps = maps;
  }

  encode(message: Out, output: ByteSink): void {
    return this.#inner.encode(this.#map(message), output); // who called us looks at what it returned
  }

  #map(message: Out): InnerOut {
    let mapped: InnerOut;
    try {
      mapped = this.#maps.encode(message);
    } catch (error) {
      throw asInvalidFrame(error, 'the map of the codec cannot turn the message into one that can be sent');
    }
    if (breachOf(mapped) !== 'a promise') return mapped;
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'the map `encode` of a codec returned a promise');
  }
}

function asInvalidFrame(error: unknown, what: string): PeerError {
  return PeerError.is(error) ? error : new PeerError('P2P_ERR_INVALID_FRAME', what, { cause: error });
}
