import { PeerNode, type Connection, type DisconnectReason, type NodeConfig } from '@pea2pea/core';
import { simulate, textCodec, type SimHost, type SimulationOptions, type World } from '@pea2pea/testing';

/** A node of a simulated host, and what it heard. */
export interface SimPeer {
  readonly host: SimHost;
  readonly node: PeerNode<string>;
  readonly heard: string[];
  readonly gone: DisconnectReason[];
  readonly opened: Connection<string>[];
}

/** A node on `host` that speaks lines. */
export function peerOn(host: SimHost, config: Partial<NodeConfig<string>> = {}): SimPeer {
  const node = new PeerNode<string>({ codec: textCodec(), ...host.config, ...config });
  const peer: SimPeer = { host, node, heard: [], gone: [], opened: [] };
  node.use({
    onConnect: (connection) => void peer.opened.push(connection),
    onMessage: (message) => void peer.heard.push(message),
    onDisconnect: (_connection, reason) => void peer.gone.push(reason),
  });
  return peer;
}

/** Two peers in a world, and the connection between them at both ends. */
export interface Two {
  readonly world: World;
  readonly a: SimPeer;
  readonly b: SimPeer;
  readonly here: Connection<string>;
  readonly there: Connection<string>;
}

export async function two(
  options: SimulationOptions = {},
  config: Partial<NodeConfig<string>> = {},
): Promise<Two> {
  const world = simulate({ seed: 5, latencyMs: 10, jitterMs: 0, ...options });
  const [a, b] = [peerOn(world.host('10.0.0.1'), config), peerOn(world.host('10.0.0.2'), config)];
  await world.drive(b.node.listen({ host: '10.0.0.2', port: 4000 }));
  const here = await world.drive(a.node.connect('10.0.0.2:4000'));
  await world.until('both have the connection', () => b.opened.length === 1);
  return { world, a, b, here, there: b.opened[0]! };
}

/** How an attempt fails. */
export async function failureOf(world: World, attempt: Promise<unknown>): Promise<string> {
  try {
    await world.drive(attempt);
    return 'it did not';
  } catch (error) {
    return (error as Error).message;
  }
}
