import { isUint8Array } from 'node:util/types';
import { NEED_MORE } from '@pea2pea/core';
import type { ByteQueue, ByteSink, Codec, NeedMore } from '@pea2pea/core';
import { requireInteger, requireKnown } from '@pea2pea/core/authoring';
import { viewsAre, type BorrowedOption } from './borrowed.js';
import { CODEC_DEFAULTS } from './options.js';
import { wrongType } from './framing.js';

/** Options of {@link bytes}. */
export interface BytesOptions extends BorrowedOption {
  /** The most bytes that one message holds; what came in a larger piece is handed out in several. @default 65536 */
  readonly maxChunkLength?: number;
}

/**
 * No framing: bytes are messages as they come.
 *
 * ```text
 * wire:     [ a b c d e f g h ................ ]
 * messages: [ a b c ] [ d e f g h ] [ ........ ]   cut by the network, not by the sender
 * ```
 *
 * note: TCP keeps no boundaries: two sends may arrive as one message, and one send as several.
 * note: a message is a view into what arrived, where that is one piece; see `ByteQueue.read`.
 * note: an array of 32 KiB or more is sent by reference: leave it alone until the send resolved.
 * note: an empty array is sent as nothing and never arrives.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense.
 */
export function bytes(options: BytesOptions = {}): Codec<Buffer, Uint8Array> {
  requireKnown('the options of bytes()', options, Object.keys(CODEC_DEFAULTS.bytes));
  const { maxChunkLength = CODEC_DEFAULTS.bytes.maxChunkLength, borrowed = CODEC_DEFAULTS.bytes.borrowed } =
    options;
  requireInteger('maxChunkLength', maxChunkLength, { min: 1 });

  // Neither direction remembers anything, so all connections share them.
  const decoder = {
    keeps: viewsAre(borrowed),
    decode(input: ByteQueue): Buffer | NeedMore {
      return input.length === 0 ? NEED_MORE : input.read(Math.min(input.length, maxChunkLength));
    },
  };
  return { name: 'bytes', decoder: () => decoder, encoder: () => rawEncoder, statelessEncoder: true };
}

const rawEncoder = {
  encode(message: Uint8Array, output: ByteSink): void {
    if (!isUint8Array(message)) {
      throw wrongType('bytes()', 'a Uint8Array', message);
    }
    output.write(message);
  },
};
