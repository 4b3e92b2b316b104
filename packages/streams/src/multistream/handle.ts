import type { Duplex } from 'node:stream';
import { PeerError } from '@pea2pea/core';
import { negotiable, type Negotiable } from './byte-source.js';
import {
  encodeList,
  encodeMessage,
  invalidMessage,
  LIST,
  MAX_MESSAGE_LENGTH,
  MULTISTREAM,
  NOT_AVAILABLE,
  readMessage,
  requireProtocols,
} from './message.js';
import { MAX_PROTOCOLS, type NegotiationOptions } from './select.js';

/** Proposals, headers and `ls` that a dialler may send before it is refused. */
const MAX_MESSAGES = 2 * MAX_PROTOCOLS;

/**
 * multistream-select 1.0, the listener: replies to proposals until one is among `protocols`; resolves with it. The
 * reply to `ls` is `protocols`.
 *
 * note: as for {@link select}: a `Handshake` or a `Duplex`, and not a byte too many is read.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG; P2P_ERR_HANDSHAKE_REJECTED after 128 messages without a protocol in common;
 * P2P_ERR_INVALID_FRAME or P2P_ERR_FRAME_TOO_LARGE when the dialler speaks something else; P2P_ERR_HANDSHAKE_ENDED when
 * it gives up, P2P_ERR_ABORTED
 */
export async function handle<P extends string>(
  stream: Negotiable | Duplex,
  protocols: readonly P[],
  options: NegotiationOptions = {},
): Promise<P> {
  requireProtocols(protocols, MAX_PROTOCOLS);
  const listing = encodeList(protocols);
  if (listing.length > MAX_MESSAGE_LENGTH + 2) {
    throw new PeerError('P2P_ERR_INVALID_CONFIG', '`protocols` are too long to be listed in one message');
  }
  const source = negotiable(stream, options);
  for (let messages = 0; messages < MAX_MESSAGES; messages++) {
    const message = await readMessage(source);
    if (messages === 0 && message !== MULTISTREAM)
      throw invalidMessage(`the peer does not speak ${MULTISTREAM}`);
    if (message === MULTISTREAM) {
      // A second time: from a dialler that asked for the list, and starts anew to select.
      await source.write(encodeMessage(MULTISTREAM));
    } else if (message === LIST) {
      await source.write(listing);
    } else {
      const protocol = protocols.find((known) => known === message);
      await source.write(encodeMessage(protocol ?? NOT_AVAILABLE));
      if (protocol !== undefined) return protocol;
    }
  }
  throw new PeerError('P2P_ERR_HANDSHAKE_REJECTED', `the peer proposed nothing of use ${MAX_MESSAGES} times`);
}
