import type { Codec, CodecContext, Encoder } from '../contracts/codec.js';
import { ConnectionContext } from '../contracts/connection-context.js';
import { describe } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import { SocketAddress } from '../net/socket-address.js';
import { SlabSink } from '../mechanisms/byte-sink.js';
import { SlabPool } from '../mechanisms/slab-pool.js';
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

/** Slabs of {@link encodeToBuffer}, which releases them before it returns. */
const pool = new SlabPool();

/**
 * The bytes of one message, in memory of their own: for a datagram, a file, or a test.
 *
 * note: an encoder goes on where its last message ended; of a codec, a new encoder is made each time.
 * @param context what the codec is told of a connection; by default, of a dial to nowhere
 * @throws {PeerError} what the encoder throws; P2P_ERR_ENCODE_FAILED for anything else that it throws, or returns
 */
export function encodeToBuffer<Out>(
  codec: Codec<unknown, Out> | Encoder<Out>,
  message: Out,
  context?: CodecContext,
): Buffer {
  const encoder = 'encode' in codec ? codec : codec.encoder(context ?? nowhere());
  const sink = new SlabSink(pool);
  encodeMessage(encoder, message, sink);
  sink.commit();
  return sink.takeBuffer();
}

function nowhere(): CodecContext {
  return {
    direction: 'outbound',
    address: new SocketAddress('0.0.0.0', 0),
    context: new ConnectionContext(),
  };
}

/** What an async encoder may still throw ends nobody's process: it was told already that it failed. */
function ignoreRejection(returned: unknown): void {
  void markHandled(new Promise((resolve) => resolve(returned)));
}
