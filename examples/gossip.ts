/**
 * A rumour spreads over 50 nodes in a random topology: each node hears it several times, handles it once, and
 * tells its neighbours. The topology follows from the seed.
 *
 *   npm run example gossip -- --nodes 50 --degree 4 --seed 7
 */
import { parseArgs } from 'node:util';
import { PeerNode, type Connection } from '@pea2pea/core';
import { connectNodes, expectedConnections, type Topology } from '@pea2pea/core/topology';
import { json } from '@pea2pea/codecs';
import { createPeer, OnMessage, Peer, type PeerHandle } from '@pea2pea/decorators';
import { Container, injectable } from 'inversify';

interface Rumour {
  readonly id: string;
  readonly hops: number;
}

const rumours = json<Rumour>();

/** Counts for all nodes who heard what, after how many hops. */
@injectable('Singleton')
class Census {
  /** Of every node that handled the rumour. */
  readonly hops: number[] = [];
  repeated = 0;
  #awaited: { readonly heard: number; readonly resolve: () => void } | undefined;

  handled(rumour: Rumour): void {
    this.hops.push(rumour.hops);
    this.#check();
  }

  heardAgain(): void {
    this.repeated++;
    this.#check();
  }

  /** Resolves when the rumour was heard so many times, by whomever. */
  until(heard: number): Promise<void> {
    return new Promise((resolve) => (this.#awaited = { heard, resolve }));
  }

  #check(): void {
    if (this.#awaited?.heard === this.hops.length + this.repeated) this.#awaited.resolve();
  }
}

@Peer({ codec: rumours, maxConnections: 500, maxConnectionsPerIp: 500 })
class Gossip {
  readonly #heard = new Set<string>();

  constructor(
    private readonly census: Census,
    private readonly node: PeerNode<Rumour>,
  ) {}

  @OnMessage(rumours)
  onRumour(rumour: Rumour, from: Connection<Rumour>): void {
    this.hear(rumour, from);
  }

  /** Handles a rumour the first time, and hands it on to everybody but the one it came from. */
  hear(rumour: Rumour, from?: Connection<Rumour>): void {
    if (this.#heard.has(rumour.id)) {
      this.census.heardAgain();
      return;
    }
    this.#heard.add(rumour.id);
    this.census.handled(rumour);
    const next = { ...rumour, hops: rumour.hops + 1 };
    this.node.broadcast(next, from && { except: from });
  }
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  console.error(`--${name} must be a whole number, not ${text}`);
  process.exit(2);
}

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '50' },
    degree: { type: 'string', default: '4' },
    seed: { type: 'string', default: '7' },
  },
});
const count = readNumber('nodes', values.nodes);
const topology: Topology = {
  kind: 'random',
  degree: readNumber('degree', values.degree),
  seed: readNumber('seed', values.seed),
};
const { total } = expectedConnections(topology, count);

const container = new Container();
container.bind(Census).toSelf();
const census = container.get(Census);

const peers: PeerHandle<Gossip>[] = [];
for (let index = 0; index < count; index++) {
  peers.push(await createPeer(Gossip, { container }));
}
await connectNodes(
  peers.map(({ node }) => node),
  topology,
);
console.log(`${count} nodes, ${total} connections, seed ${topology.seed}`);

// The first node hears it from nobody. Each tells all its neighbours but the one it heard it from.
const quiet = census.until(1 + 2 * total - (count - 1));
peers[0]!.peer.hear({ id: 'pea2pea speaks TypeScript', hops: 0 });
await quiet;

for (const [hops, nodes] of histogram(census.hops)) {
  console.log(`${String(hops).padStart(2)} hops ${'#'.repeat(nodes)} ${nodes}`);
}
console.log(`handled by ${census.hops.length} of ${count} nodes, heard again ${census.repeated} times`);
await Promise.all(peers.map((peer) => peer.close()));

function histogram(numbers: readonly number[]): [number, number][] {
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a - b);
}
