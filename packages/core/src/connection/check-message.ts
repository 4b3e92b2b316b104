import type { PeerErrorCode } from '../errors/error-table.js';
import { PeerError } from '../errors/errors.js';
import { markHandled } from '../authoring/deferred.js';

/** Codes that say of bytes that they are not what was expected, whoever reads them. */
export const FRAME_ERRORS: ReadonlySet<PeerErrorCode> = new Set([
  'P2P_ERR_INVALID_FRAME',
  'P2P_ERR_FRAME_TOO_LARGE',
  'P2P_ERR_TRUNCATED_FRAME',
]);

/**
 * What a decoder returned as a message, unless it breaks its contract.
 *
 * @param wasThere whether bytes were consumed for it, or the decoder had said that it holds one
 * @throws {PeerError} P2P_ERR_BAD_DECODER, P2P_ERR_STALLED_DECODER
 */
export function checkMessage<T>(message: T, wasThere: boolean): T {
  if (message === undefined) {
    throw new PeerError('P2P_ERR_BAD_DECODER', 'the decoder returned undefined');
  }
  if (message instanceof Promise) {
    // Nobody will await it, so nobody may be told that it rejected.
    void markHandled(message);
    throw new PeerError('P2P_ERR_BAD_DECODER', 'the decoder returned a promise');
  }
  if (!wasThere) {
    throw new PeerError('P2P_ERR_STALLED_DECODER', 'the decoder returned a message without consuming a byte');
  }
  return message;
}
