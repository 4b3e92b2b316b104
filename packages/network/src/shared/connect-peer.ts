import {
  ConnectionContext,
  expectedIdentity,
  type Connection,
  type ConnectOptions,
  type PeerNode,
} from '@pea2pea/core';
import { PeerAddress, type PeerAddressLike } from './peer-address.js';

/** Options of {@link connectPeer}: those of `connect`, but the context, which names the peer. */
export type ConnectPeerOptions = Omit<ConnectOptions, 'context'>;

/**
 * Connects with a peer, and with nobody else: where the address names an identity, another one fails the setup before a message is
 * sent.
 *
 * ```ts
 * const connection = await connectPeer(node, `${bobsKey}@203.0.113.7:4000`);
 * ```
 *
 * note: the node needs a handshake that proves identities, such as `noise`; without one, an address with an identity is never reached.
 * @throws {PeerError} P2P_ERR_WRONG_IDENTITY; P2P_ERR_INVALID_ADDRESS; and whatever else `connect` rejects with
 */
export async function connectPeer<In, Out>(
  node: PeerNode<In, Out>,
  address: PeerAddressLike,
  options: ConnectPeerOptions = {},
): Promise<Connection<In, Out>> {
  const peer = PeerAddress.from(address);
  if (peer.identity === undefined) return node.connect(peer.address, options);
  const context = new ConnectionContext().with(expectedIdentity, peer.identity);
  return node.connect(peer.address, { ...options, context });
}
