import type { Codec, CodecContext, Decoder, Encoder } from '@pea2pea/core';
import {
  codecName,
  invalidConfig,
  requireBoolean,
  requireKnown,
  requireString,
} from '@pea2pea/core/authoring';

/** The two directions of a codec: each from another codec, or made for each connection. */
export interface CodecParts<In, Out> {
  /** What is received: as this codec receives it, or as the decoder that this makes. */
  readonly decoder: Pick<Codec<In, never>, 'decoder'> | ((context: CodecContext) => Decoder<In>);
  /** What is sent: as this codec sends it, or as the encoder that this makes. */
  readonly encoder:
    Pick<Codec<unknown, Out>, 'encoder' | 'statelessEncoder'> | ((context: CodecContext) => Encoder<Out>);
  /**
   * Whether the encoder has no state and looks at nothing but the message: see {@link Codec.statelessEncoder}.
   * @default that of the codec given as `encoder`, else false
   */
  readonly statelessEncoder?: boolean;
  /**
   * What people call it, in at most 100 characters: snapshots show it.
   * @default that of the codec, where both are one; of two codecs, `defineCodec(lines, json(contentLength))`; else none
   */
  readonly name?: string;
}

/**
 * A codec of a decoder and an encoder: for protocols in which each side says other things, or in other frames.
 *
 * ```ts
 * const server = defineCodec({ decoder: lines(), encoder: json(contentLength()) });
 * const client = defineCodec({ decoder: json(contentLength()), encoder: lines() });
 * ```
 *
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when a part is neither a codec nor a function
 */
export function defineCodec<In, Out>(parts: CodecParts<In, Out>): Codec<In, Out> {
  requireKnown('the parts of defineCodec()', parts, ['decoder', 'encoder', 'statelessEncoder', 'name']);
  const decoding: unknown = parts.decoder;
  const encoding: unknown = parts.encoder;
  const name =
    parts.name === undefined ? nameOf(decoding, encoding) : requireString('name', parts.name, { max: 100 });
  return {
    ...(name !== undefined && { name }),
    decoder: makerOf(decoding, 'decoder') as Codec<In, Out>['decoder'],
    encoder: makerOf(encoding, 'encoder') as Codec<In, Out>['encoder'],
    statelessEncoder: requireBoolean(
      'statelessEncoder',
      parts.statelessEncoder ?? (encoding as Codec<unknown>).statelessEncoder === true,
    ),
  };
}

/** The names of both codecs; none without one. */
function nameOf(decoding: unknown, encoding: unknown): string | undefined {
  const [received, sent] = [decoding, encoding].map((part) =>
    typeof part === 'object' && part !== null ? (part as Codec<unknown>).name : undefined,
  );
  if (received === sent || typeof received !== 'string' || typeof sent !== 'string')
    return received === sent ? received : undefined;
  return codecName('defineCodec', { name: received }, { name: sent });
}

/** A part by itself, or as the method of a codec, which may need its `this`. */
function makerOf(part: unknown, name: 'decoder' | 'encoder'): (context: CodecContext) => unknown {
  if (typeof part === 'function') return part as (context: CodecContext) => unknown;
  const codec = part as Codec<unknown> | null | undefined;
  if (typeof codec?.[name] === 'function') return (context) => codec[name](context);
  throw invalidConfig(
    `\`${name}\` of defineCodec() must be a codec, or a function that makes ${name === 'decoder' ? 'a decoder' : 'an encoder'} for a connection`,
  );
}
