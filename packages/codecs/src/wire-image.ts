import type { Codec } from '@pea2pea/core';
import { mapped, type CodecMaps } from './map-codec.js';

type Image = (message: unknown) => unknown;

/** What the formats of this package make of a message, both ways. Their maps remember nothing: to run one twice does no harm. */
const images = new WeakMap<object, Image>();

/**
 * A message format over `framing`, named after `maker`, as {@link mapCodec} makes it, that {@link wireImage} knows; `copies` says that no received
 * message has bytes of its frame.
 */
export function formatCodec<Frame, Written extends Frame, Message>(
  maker: string,
  framing: Codec<Frame, Written>,
  maps: CodecMaps<Frame, Written, Message>,
  copies = false,
): Codec<Message> {
  const codec = mapped(maker, framing, maps, copies);
  images.set(codec, (message) => maps.decode(maps.encode(message as Message)));
  return codec;
}

/** What the other side of `codec` receives for `message`: of a codec that is not a format of ours, the same. */
export function wireImage(codec: Codec<unknown>, message: unknown): unknown {
  const image = images.get(codec);
  return image === undefined ? message : image(message);
}
