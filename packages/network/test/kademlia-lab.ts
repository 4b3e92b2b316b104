import { json } from '@pea2pea/codecs';
import { peerIdentity, PeerNode, type Handshake, type Hooks, type NodeConfig } from '@pea2pea/core';
import { kademlia, type Kademlia, type KademliaOptions } from '@pea2pea/network/kademlia';
import { protocols, withProtocols } from '@pea2pea/streams';
import type { SimHost, World } from '@pea2pea/testing';

export const PORT = 4000;
export const MINUTE = 60_000;

/** The `index`th host of many, each in a group of its own. */
export const apart = (index: number): string => `${20 + (index >> 8)}.${index & 255}.0.1`;
/** The `index`th host of one group. */
export const together = (index: number): string => `203.0.${index >> 8}.${index & 255}`;

/** Identities that are taken at their word: what `noise` proves, without its price; a simulation may have thousands of handshakes. */
export function believed(identity: string): Hooks<unknown> {
  return {
    async onHandshake(handshake: Handshake) {
      const name = Buffer.from(identity);
      await handshake.write(Buffer.concat([Buffer.from([name.length]), name]));
      const [length] = await handshake.read(1);
      const theirs = await handshake.read(length!);
      handshake.context.set(peerIdentity, theirs.toString());
    },
  };
}

export interface DhtPeer {
  readonly host: SimHost;
  readonly node: PeerNode<unknown>;
  readonly identity: string;
  readonly address: string;
  readonly dht: Kademlia;
}

export interface DhtPeerOptions extends Partial<KademliaOptions> {
  readonly identity?: string;
  readonly config?: Partial<NodeConfig<unknown>>;
  /** Other plugins, which come before. */
  readonly also?: (node: PeerNode<unknown>) => unknown;
}

export function dhtPeer(host: SimHost, { identity, config, also, ...options }: DhtPeerOptions = {}): DhtPeer {
  const own = identity ?? `peer-${host.address}`;
  const node = new PeerNode<unknown>({ codec: withProtocols(json()), ...host.config, ...config })
    .use(believed(own))
    .use(protocols());
  also?.(node);
  node.use(kademlia({ localIdentity: own, ...options }));
  const address = `${own}@${host.address}:${PORT}`;
  return { host, node, identity: own, address, dht: node.plugin(kademlia) };
}

/** Has the node listen, and waits until it has joined. */
export async function begin(world: World, peer: DhtPeer): Promise<DhtPeer> {
  await world.drive(peer.node.listen({ host: peer.host.address, port: PORT }));
  await world.drive(peer.dht.join());
  return peer;
}

/** So many nodes, of which each knew one or two of those before; on hosts from `first` on. */
export async function network(
  world: World,
  count: number,
  options: DhtPeerOptions = {},
  first = 0,
): Promise<DhtPeer[]> {
  const peers: DhtPeer[] = [];
  for (let index = 0; index < count; index++) {
    const seeds = peers.length === 0 ? [] : [peers[0]!, peers.at(-1)!].map(({ address }) => address);
    peers.push(await begin(world, dhtPeer(world.host(apart(first + index)), { seeds, ...options })));
  }
  return peers;
}
