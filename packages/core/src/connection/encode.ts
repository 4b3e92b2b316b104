import type { Encoder } from '../contracts/codec.js';
import { PeerError } from '../contracts/errors.js';
import type { SlabSink } from '../mechanisms/byte-sink.js';

/**
 * Encodes one message into `sink`, or leaves the sink as it was. INVARIANT: encode-rollback.
 *
 * note: the caller commits.
 * @throws {PeerError} the encoder's own, P2P_ERR_ENCODE_FAILED for anything else that it throws
 */
export function encodeMessage(encoder: Encoder<unknown>, message: unknown, sink: SlabSink): void {
  sink.begin();
  try {
    encoder.encode(message, sink);
  } catch (cause) {
    sink.rollback();
    if (PeerError.is(cause)) throw cause;
    throw new PeerError('P2P_ERR_ENCODE_FAILED', 'the encoder threw', { cause });
  }
}
