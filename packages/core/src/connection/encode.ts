import type { Encoder } from '../contracts/codec.js';
import { describe } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import type { SlabSink } from '../mechanisms/byte-sink.js';
import { markHandled } from '../authoring/deferred.js';

/**
 * Encodes one message into `sink`, or leaves the sink as it was. INVARIANT: encode-rollback.
 *
 * note: the caller commits.
 * @throws {PeerError} the encoder's own, P2P_ERR_ENCODE_FAILED for anything else that it throws, or returns
 */
export function encodeMessage(encoder: Encoder<unknown>, message: unknown, sink: SlabSink): void {
  sink.begin();
  let returned: unknown;
  try {
    returned = encoder.encode(message, sink);
  } catch (cause) {
    sink.rollback();
    if (PeerError.is(cause)) throw cause;
    throw new PeerError('P2P_ERR_ENCODE_FAILED', `the encoder threw: ${describe(cause)}`, { cause });
  }
  // A number is what an arrow function hands on of writeText().
  if (returned === undefined || typeof returned === 'number') return;
  sink.rollback();
  ignoreRejection(returned);
  const what = typeof returned === 'string' ? 'a string' : describe(returned);
  throw new PeerError('P2P_ERR_ENCODE_FAILED', `the encoder returned ${what}`, {
    remedy: 'it must write to `output` and return nothing. The connection lives on',
  });
}

/** What an async encoder may still throw ends nobody's process: it was told already that it failed. */
function ignoreRejection(returned: unknown): void {
  void markHandled(new Promise((resolve) => resolve(returned)));
}
