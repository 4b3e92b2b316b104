import { json } from '@pea2pea/codecs';
import { PeerNode, type NodeConfig } from '@pea2pea/core';
import {
  addressBook,
  connectionManager,
  peerExchange,
  type AddressBookPluginOptions,
  type ConnectionManagerOptions,
  type PeerExchangeOptions,
} from '@pea2pea/network';
import { protocols, withProtocols } from '@pea2pea/streams';
import type { SimHost, World } from '@pea2pea/testing';

export interface NetworkPeer {
  readonly host: SimHost;
  readonly node: PeerNode<unknown>;
  readonly address: string;
}

export interface NetworkPeerOptions {
  readonly book?: AddressBookPluginOptions;
  readonly manager?: ConnectionManagerOptions;
  readonly exchange?: PeerExchangeOptions;
  readonly config?: Partial<NodeConfig<unknown>>;
}

export const PORT = 4000;

/** The `index`th host of many, each in a group of its own. */
export const apart = (index: number): string => `${20 + (index >> 8)}.${index & 255}.0.1`;
/** The `index`th host of one group. */
export const together = (index: number): string => `203.0.${index >> 8}.${index & 255}`;

/** A node with an address book, a connection manager and peer exchange. */
export function networkPeer(host: SimHost, options: NetworkPeerOptions = {}): NetworkPeer {
  const node = new PeerNode<unknown>({
    codec: withProtocols(json()),
    ...host.config,
    ...options.config,
  })
    .use(protocols())
    .use(addressBook({ secret: `the secret of ${host.address}`, ...options.book }))
    .use(connectionManager(options.manager ?? {}))
    .use(peerExchange(options.exchange ?? {}));
  return { host, node, address: `${host.address}:${PORT}` };
}

/** Has the node listen and begin. */
export async function begin(world: World, peer: NetworkPeer): Promise<NetworkPeer> {
  await world.drive(peer.node.listen({ host: peer.host.address, port: PORT }));
  return peer;
}

export const statusOf = ({ node }: NetworkPeer) => node.plugin(connectionManager).status;
export const bookOf = ({ node }: NetworkPeer) => node.plugin(addressBook).book;
export const exchangeOf = ({ node }: NetworkPeer) => node.plugin(peerExchange);

/** The nodes that can be reached from the first one. */
export function component(peers: readonly NetworkPeer[]): number {
  const byHost = new Map(peers.map((peer) => [String(peer.host.address), peer]));
  const seen = new Set<NetworkPeer>();
  const queue = [peers[0]!];
  for (let peer = queue.pop(); peer !== undefined; peer = queue.pop()) {
    if (seen.has(peer)) continue;
    seen.add(peer);
    for (const { address } of peer.node.connections) {
      const other = byHost.get(address.host);
      if (other !== undefined) queue.push(other);
    }
  }
  return seen.size;
}
