import { NEED_MORE, PeerError } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, NeedMore } from '@pea2pea/core';
import { requireInteger, requireKnown } from '@pea2pea/core/authoring';
import { viewsAre, type BorrowedOption } from './borrowed.js';
import { CODEC_DEFAULTS } from './options.js';
import { bytesOf } from './framing.js';

/**
 * Frames that all have `size` bytes, and nothing between them.
 *
 * ```text
 * fixedLength(4)
 * [ a b c d ][ e f g h ][ ....
 * ```
 *
 * Received are bytes; sent are bytes, or text as UTF-8.
 *
 * note: nothing is padded: what has another size is not sent.
 * note: a message is a view into what arrived, where that is one piece; see `ByteQueue.read`.
 * note: a payload of 32 KiB or more is sent by reference: leave it alone until the send resolved.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `size` is not a whole number of at least 1.
 */
export function fixedLength(size: number, options: BorrowedOption = {}): Codec<Buffer, Uint8Array | string> {
  requireInteger('size', size, { min: 1 });
  requireKnown('the options of fixedLength()', options, Object.keys(CODEC_DEFAULTS.fixedLength));
  const { borrowed = CODEC_DEFAULTS.fixedLength.borrowed } = options;

  // Neither direction remembers anything, so all connections share them.
  const decoder = {
    keeps: viewsAre(borrowed),
    decode(input: ByteQueue): Buffer | NeedMore {
      return input.length < size ? NEED_MORE : input.read(size);
    },
  };
  const encoder = {
    encode(payload: Uint8Array | string, output: ByteSink): void {
      const bytes = bytesOf(payload, 'fixedLength()');
      if (bytes.length !== size) throw wrongSize(bytes.length, size);
      output.write(bytes);
    },
  };
  return { name: 'fixedLength', decoder: () => decoder, encoder: () => encoder, statelessEncoder: true };
}

function wrongSize(actual: number, size: number): PeerError {
  const what = `a payload has ${actual} bytes, every frame has ${size}`;
  return new PeerError(actual > size ? 'P2P_ERR_FRAME_TOO_LARGE' : 'P2P_ERR_INVALID_FRAME', what);
}
