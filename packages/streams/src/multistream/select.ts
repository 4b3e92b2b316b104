import type { Duplex } from 'node:stream';
import { PeerError } from '@pea2pea/core';
import { negotiable, type Negotiable } from './byte-source.js';
import {
  encodeMessage,
  invalidMessage,
  LIST,
  MULTISTREAM,
  NOT_AVAILABLE,
  readList,
  readMessage,
  requireProtocols,
} from './message.js';

/** The most protocols that one side proposes or offers. */
export const MAX_PROTOCOLS = 64;

/** Streams whose listener was asked for its list: the header was exchanged then, and is sent no second time. */
const greeted = new WeakSet<Negotiable | Duplex>();

/** Options of a negotiation. */
export interface NegotiationOptions {
  /**
   * Ends the wait, and the negotiation for good: what was half read stays half read, so destroy the stream.
   *
   * note: a kernel's handshake has a deadline of its own; a stream has none but this.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * multistream-select 1.0, the dialler: proposes `protocols`, most wanted first, until the listener takes one; resolves
 * with that one.
 *
 * ```text
 *   dialler                          listener
 *   /multistream/1.0.0, /tls/1.0.0 ->
 *                                    <- /multistream/1.0.0, na
 *   /noise                         ->
 *                                    <- /noise          from here on the stream is Noise's
 * ```
 *
 * The first proposal goes out with the header, so that a protocol the listener speaks costs one round trip.
 *
 * note: `stream` is a kernel's `Handshake`, or a `Duplex` that nobody else reads meanwhile. Not a byte after the
 * negotiation is read.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG; P2P_ERR_HANDSHAKE_REJECTED when the listener speaks none of them;
 * P2P_ERR_INVALID_FRAME or P2P_ERR_FRAME_TOO_LARGE when it speaks something else altogether; P2P_ERR_HANDSHAKE_ENDED,
 * P2P_ERR_ABORTED
 */
export async function select<P extends string>(
  stream: Negotiable | Duplex,
  protocols: readonly P[],
  options: NegotiationOptions = {},
): Promise<P> {
  requireProtocols(protocols, MAX_PROTOCOLS);
  const source = negotiable(stream, options);
  // What is agreed on may negotiate anew over the same handshake, and then begins with a header.
  let greets = !greeted.delete(stream);
  for (const protocol of protocols) {
    const proposal = encodeMessage(protocol);
    await source.write(greets ? Buffer.concat([encodeMessage(MULTISTREAM), proposal]) : proposal);
    if (greets) await expectHeader(source);
    greets = false;
    const answer = await readMessage(source);
    if (answer === protocol) return protocol;
    if (answer !== NOT_AVAILABLE) throw invalidMessage(`the answer to ${protocol} is neither that nor na`);
  }
  throw new PeerError('P2P_ERR_HANDSHAKE_REJECTED', `the peer speaks none of ${protocols.join(', ')}`);
}

/**
 * Asks the listener which protocols it speaks: multistream-select's `ls`. The listener then waits for a proposal, which
 * {@link select} makes.
 *
 * note: optional in practice: some implementations reply `na`, which is an empty list here.
 * @throws {PeerError} as {@link select}, but for P2P_ERR_HANDSHAKE_REJECTED
 */
export async function list(
  stream: Negotiable | Duplex,
  options: NegotiationOptions = {},
): Promise<readonly string[]> {
  const source = negotiable(stream, options);
  const request = encodeMessage(LIST);
  if (greeted.has(stream)) {
    await source.write(request);
  } else {
    await source.write(Buffer.concat([encodeMessage(MULTISTREAM), request]));
    await expectHeader(source);
    greeted.add(stream);
  }
  return readList(source);
}

async function expectHeader(source: Negotiable): Promise<void> {
  const header = await readMessage(source);
  if (header !== MULTISTREAM) throw invalidMessage(`the peer does not speak ${MULTISTREAM}`);
}
