import type { Codec, CodecContext, Encoder } from '../contracts/codec.js';
import { requireAtOnce } from '../authoring/thenable.js';
import type { ChunkQueue } from '../mechanisms/byte-queue.js';
import { Decoding } from './decoding.js';

/** What a codec makes for one connection. */
export interface Coding {
  readonly decoding: Decoding;
  readonly encoder: Encoder<unknown>;
}

/** A decoder of `codec` for the bytes of `received`, and an encoder. @throws what the codec throws */
export function beginCoding(codec: Codec<unknown>, context: CodecContext, received: ChunkQueue): Coding {
  const decoder = requireAtOnce('`codec.decoder`', codec.decoder(context));
  const encoder = requireAtOnce('`codec.encoder`', codec.encoder(context));
  return { decoding: new Decoding(received, decoder), encoder };
}
