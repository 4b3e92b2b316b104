/// <reference types="node" preserve="true" />
import type { Clock } from './contracts/clock.js';
import { diagnostics } from './contracts/diagnostics.js';
import { PeerError } from './errors/errors.js';
import { Deadline } from './mechanisms/deadline.js';
import type { AddressLike, SocketAddress } from './net/socket-address.js';
import { seededRandom } from './mechanisms/seeded-random.js';

/**
 * A shape to connect nodes in; `n` is how many nodes there are.
 *
 * ```text
 * line  0-1-2-3      ring  0-1-2-3-0      mesh  everybody with everybody      star  0 with all others
 * grid  rows x columns, neighbours left, right, above and below
 * tree  binary: node i with 2i+1 and 2i+2
 * random  a connected graph in which nodes have about `degree` connections, the same for the same `seed`
 * ```
 */
export type Topology =
  | 'line'
  | 'ring'
  | 'mesh'
  | 'star'
  | 'tree'
  | { readonly kind: 'grid'; readonly columns: number; readonly rows: number }
  | { readonly kind: 'random'; readonly degree: number; readonly seed: number };

/** A connection to make: the node with the first number dials the one with the second. */
export type Edge = readonly [from: number, to: number];

/** As much of a {@link PeerNode} as connecting needs, whatever its messages are. */
export interface ConnectableNode {
  /** Where it listens; undefined where it does not. */
  readonly address: SocketAddress | undefined;
  /** Its connections, to be counted. */
  readonly connections: { readonly size: number };
  /** Where it is to listen, and how long a setup may take. */
  readonly config: {
    readonly listen: SocketAddress | undefined;
    readonly handshakeTimeoutMs: number;
    readonly clock: Clock;
  };
  /** Starts to listen; resolves with the address. */
  listen(options: { host: string; port: number }): Promise<SocketAddress>;
  /** Dials; resolves when the connection is open. */
  connect(address: AddressLike): Promise<unknown>;
}

/** How many connections a topology has. */
export interface ExpectedConnections {
  /** Between pairs of nodes. */
  readonly total: number;
  /** The connections of each node, in the order of the nodes. */
  readonly perNode: readonly number[];
}

/**
 * Connects `nodes` in the shape of `topology`; resolves when both ends of every connection are open.
 * Nodes that do not listen yet are told to, on a port of their own at `127.0.0.1` (or where their
 * configuration says).
 *
 * note: the nodes have no other connections yet.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG for too few nodes, wrong grid dimensions or too high a degree;
 * P2P_ERR_HANDSHAKE_TIMEOUT when the far end of a connection does not open; else what `listen` and `connect` throw
 */
export async function connectNodes(nodes: readonly ConnectableNode[], topology: Topology): Promise<void> {
  const edges = edgesOf(topology, nodes.length);
  for (const node of nodes) {
    if (node.address === undefined) await node.listen(node.config.listen ?? { host: '127.0.0.1', port: 0 });
  }
  for (const [from, to] of edges) await nodes[from]!.connect(nodes[to]!.address!);
  await allOpen(nodes, expectedConnections(topology, nodes.length).perNode);
}

/** A dial resolves when its own end is open; the other end may need a moment more. */
async function allOpen(nodes: readonly ConnectableNode[], perNode: readonly number[]): Promise<void> {
  const isComplete = (): boolean =>
    nodes.every(({ connections }, index) => connections.size >= perNode[index]!);
  const { clock, handshakeTimeoutMs } = nodes[0]!.config;
  const deadline = new Deadline(clock, handshakeTimeoutMs);
  let onOpen = (): void => {};
  const complete = new Promise<void>((resolve) => {
    onOpen = () => {
      if (isComplete()) resolve();
    };
    diagnostics.connectionOpen.subscribe(onOpen);
    onOpen();
  });
  const inTime = await deadline.wait(complete);
  diagnostics.connectionOpen.unsubscribe(onOpen);
  deadline.cancel();
  if (!inTime)
    throw new PeerError('P2P_ERR_HANDSHAKE_TIMEOUT', 'some connections did not open at their far end');
}

/**
 * How many connections `topology` has over `n` nodes.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG as {@link connectNodes}
 */
export function expectedConnections(topology: Topology, n: number): ExpectedConnections {
  const edges = edgesOf(topology, n);
  const perNode = Array<number>(n).fill(0);
  for (const edge of edges) for (const node of edge) perNode[node]!++;
  return { total: edges.length, perNode };
}

/** The connections of `topology` over `n` nodes. @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function edgesOf(topology: Topology, n: number): Edge[] {
  const kind = typeof topology === 'string' ? topology : topology.kind;
  const least = kind === 'ring' ? 3 : 2;
  if (!Number.isInteger(n) || n < least) throw invalid(`a ${kind} needs at least ${least} nodes, not ${n}`);
  if (typeof topology === 'object') {
    return topology.kind === 'grid'
      ? grid(topology.columns, topology.rows, n)
      : random(topology.degree, topology.seed, n);
  }
  switch (topology) {
    case 'line':
      return line(n);
    case 'ring':
      return [...line(n), [n - 1, 0]];
    case 'mesh':
      return numbers(n).flatMap((from) => numbers(n - from - 1).map((step): Edge => [from, from + step + 1]));
    case 'star':
      return numbers(n - 1).map((leaf): Edge => [leaf + 1, 0]);
    case 'tree':
      return numbers(n - 1).map((child): Edge => [child + 1, Math.floor(child / 2)]);
  }
}

function line(n: number): Edge[] {
  return numbers(n - 1).map((from): Edge => [from, from + 1]);
}

function grid(columns: number, rows: number, n: number): Edge[] {
  if (
    !Number.isInteger(columns) ||
    !Number.isInteger(rows) ||
    columns < 1 ||
    rows < 1 ||
    columns * rows !== n
  ) {
    throw invalid(`a grid of ${columns} by ${rows} does not hold ${n} nodes`);
  }
  return numbers(n).flatMap((from) => {
    const edges: Edge[] = [];
    if (from % columns < columns - 1) edges.push([from, from + 1]);
    if (from + columns < n) edges.push([from, from + columns]);
    return edges;
  });
}

/** A random spanning tree first, so that the graph is connected, then random edges up to n * degree / 2. */
function random(degree: number, seed: number, n: number): Edge[] {
  if (!Number.isInteger(degree) || degree < 2 || degree >= n) {
    throw invalid(`a degree of ${degree} does not fit ${n} nodes: it must be from 2 to ${n - 1}`);
  }
  const source = seededRandom(seed);
  const below = (limit: number): number => Math.floor(source.next() * limit);
  const edges = new Map<string, Edge>();
  const add = (a: number, b: number): void => {
    const edge: Edge = a < b ? [a, b] : [b, a];
    if (a !== b) edges.set(edge.join('-'), edge);
  };
  for (let node = 1; node < n; node++) add(node, below(node));
  while (edges.size < Math.floor((n * degree) / 2)) add(below(n), below(n));
  return [...edges.values()];
}

function numbers(n: number): number[] {
  return [...Array(n).keys()];
}

function invalid(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_CONFIG', what);
}
