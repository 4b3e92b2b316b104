/**
 * A message travels along a line of eight nodes and comes back changed; then round a ring, and through a star.
 * Every node on its way signs it. The route is part of the message: each node hands it to the next on the list.
 */
import { contextKey, type Connection, type Handshake } from '@pea2pea/core';
import { connectNodes, expectedConnections, type Topology } from '@pea2pea/core/topology';
import { json } from '@pea2pea/codecs';
import { createPeer, OnConnect, OnHandshake, OnMessage, Peer, type PeerHandle } from '@pea2pea/decorators';

const NODES = 8;

interface Parcel {
  /** The numbers of the nodes that it has yet to visit. */
  readonly route: readonly number[];
  readonly signatures: string;
}

const parcels = json<Parcel>();
/** The number of the node at the other end: an inbound connection's address does not tell. */
const numberOfPeer = contextKey<number>('number of the peer');

@Peer({ codec: parcels, listen: { host: '127.0.0.1', port: 0 }, maxConnectionsPerIp: 100 })
class Relay {
  /** Given by the one who makes it, before anybody connects. */
  number = 0;
  /** Who else is connected, by number. */
  readonly #neighbours = new Map<number, Connection<Parcel>>();
  #arrived: ((parcel: Parcel) => void) | undefined;

  @OnHandshake()
  async tellNumbers(handshake: Handshake): Promise<void> {
    await handshake.write(Uint8Array.of(this.number));
    const [number] = await handshake.read(1);
    handshake.context.set(numberOfPeer, number!);
  }

  @OnConnect()
  onConnect(connection: Connection<Parcel>): void {
    this.#neighbours.set(connection.context.get(numberOfPeer)!, connection);
  }

  @OnMessage(parcels)
  onParcel(parcel: Parcel): void {
    this.forward(parcel);
  }

  /** Signs the parcel, and hands it to the next node on its route; keeps it where there is none. */
  forward({ route: [next, ...rest], signatures }: Parcel): void {
    const parcel = { route: rest, signatures: `${signatures}${String.fromCharCode(65 + this.number)}` };
    if (next === undefined) this.#arrived?.(parcel);
    else this.#neighbours.get(next)!.trySend(parcel);
  }

  arrival(): Promise<Parcel> {
    return new Promise((resolve) => (this.#arrived = resolve));
  }
}

async function travel(name: string, topology: Topology, route: readonly number[]): Promise<void> {
  const relays: PeerHandle<Relay>[] = [];
  for (let number = 0; number < NODES; number++) {
    const relay = await createPeer(Relay, { config: { name: `${name}-${number}` } });
    relay.peer.number = number;
    relays.push(relay);
  }
  await connectNodes(
    relays.map(({ node }) => node),
    topology,
  );

  const first = relays[0]!.peer;
  const arrival = first.arrival();
  first.forward({ route, signatures: '' });
  const { signatures } = await arrival;
  console.log(
    `${name.padEnd(5)} ${expectedConnections(topology, NODES).total} connections, came back as ${signatures}`,
  );
  await Promise.all(relays.map((relay) => relay.close()));
}

const others = Array.from({ length: NODES - 1 }, (_, index) => index + 1);
await travel('line', 'line', [...others, ...others.toReversed().slice(1), 0]);
await travel('ring', 'ring', [...others, 0]);
await travel(
  'star',
  'star',
  others.flatMap((leaf) => [leaf, 0]),
);
