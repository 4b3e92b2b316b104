import {
  memoryTransport,
  PeerError,
  PeerNode,
  SocketAddress,
  tcpTransport,
  type AnyConnection,
  type Connection,
  type NodeConfig,
  type Transport,
} from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { recordingLogger, type LogLine } from '../logs.js';
import { World } from '../simulation/world.js';
import { soon, until } from '../until.js';
import { assertClosed } from './assert-closed.js';

/** What a side of a pair is made with, to be spread into the configuration of its node. */
export type SideConfig = Pick<NodeConfig<unknown>, 'transport' | 'clock' | 'random' | 'logger'>;

/** A node, or what has one: a handle of `createPeer`, for one. */
export type Side =
  PeerNode<unknown, never> | { readonly node: PeerNode<unknown, never>; close(): Promise<unknown> };

/** Makes a side of a pair. Hooks have to be added here: a pair is connected when you get it. */
export type MakeSide<S extends Side> = (config: SideConfig) => S | Promise<S>;

/** The connection of a side, typed as its node is. */
export type ConnectionOfSide<S> = S extends { readonly node: infer Node }
  ? ConnectionOfNode<Node>
  : ConnectionOfNode<S>;

type ConnectionOfNode<Node> = Node extends PeerNode<infer In, infer Out> ? Connection<In, Out> : never;

/** Which network a pair is on. */
export interface PairOptions {
  /** In memory, over TCP on the loopback, or between two new hosts of a simulated world. @default 'memory' */
  readonly over?: 'memory' | 'tcp' | World;
}

/** Two connected peers; see {@link pair}. */
export interface Pair<D extends Side, L extends Side = D> extends AsyncDisposable {
  /** The side that dialled, as it was made. */
  readonly dialler: D;
  /** The side that listened, as it was made. */
  readonly listener: L;
  /** The connection, at the side that dialled. */
  readonly here: ConnectionOfSide<D>;
  /** The connection, at the side that listened. */
  readonly there: ConnectionOfSide<L>;
  /** What each side logged. */
  readonly logs: { readonly dialler: readonly LogLine[]; readonly listener: readonly LogLine[] };
  /**
   * Waits until `condition` holds, and lets the time of a simulated world pass meanwhile.
   *
   * @throws {PeerError} P2P_ERR_WAITED_IN_VAIN when it does not hold within 30 seconds, or 10 minutes of virtual time.
   */
  until(what: string, condition: () => boolean): Promise<void>;
  /**
   * Closes both sides, and compares what they count with what they hold. Harmless where they are closed. `await using` does it.
   *
   * @throws {PeerError} P2P_ERR_INCONSISTENT, P2P_ERR_TIMERS_LEFT; see {@link assertConsistent}.
   */
  close(): Promise<void>;
}

/**
 * Makes two peers and connects them, on a network of their own.
 *
 * ```ts
 * await using both = await pair((config) => new PeerNode({ codec: lines(), ...config }));
 * await both.here.send('hello');
 * console.log(await both.there.next());
 *
 * const { dialler, listener } = await pair((config) => createPeer(ChatPeer, { config }), { over: 'tcp' });
 * ```
 *
 * note: one function makes both sides; `{ dialler, listener }` has one for each. A configuration alone will do for nodes
 * without hooks.
 * note: a side that does not listen by itself is told to, at any port.
 * @throws what a side throws when it is made, listens or dials; both are closed then.
 */
export function pair<D extends Side, L extends Side = D>(
  make: MakeSide<D> | { readonly dialler: MakeSide<D>; readonly listener: MakeSide<L> },
  options?: PairOptions,
): Promise<Pair<D, L>>;
/** As with a function, for two nodes with the same configuration. */
export function pair<In, Out>(
  config: NodeConfig<In, Out>,
  options?: PairOptions,
): Promise<Pair<PeerNode<In, Out>>>;
export async function pair(
  make: MakeSide<Side> | Makers | NodeConfig<unknown, never>,
  { over = 'memory' }: PairOptions = {},
): Promise<Pair<Side>> {
  const makers = makersOf(make);
  const stage = over instanceof World ? new WorldStage(over) : new SystemStage(over);
  const sides: Side[] = [];
  const close = async (): Promise<void> => {
    await stage.settle('both sides are closed', Promise.allSettled(sides.map((side) => side.close())));
    assertClosed(sides.map(nodeOf));
  };
  try {
    const build = async (side: 'listener' | 'dialler'): Promise<Side> => {
      const make = makers[side];
      const made = await stage.settle(`the ${side} is made`, Promise.resolve(make(stage.config(side))));
      sides.push(made);
      return made;
    };
    const listener = await build('listener');
    const dialler = await build('dialler');
    const there = nodeOf(listener);
    const at = there.address ?? (await stage.settle('it listens', there.listen(stage.anywhere)));
    const known = new Set<AnyConnection>(there.connections);
    const found = (): AnyConnection | undefined =>
      [...there.connections].find((connection: AnyConnection) => !known.has(connection));
    const here = await stage.settle('it is connected', nodeOf(dialler).connect(stage.reach(at)));
    await stage.until('both sides have the connection', () => found() !== undefined);
    return {
      dialler,
      listener,
      here,
      there: found() as AnyConnection,
      logs: stage.logs,
      until: (what, condition) => stage.until(what, condition),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close().catch(() => {}); // the first error says more
    throw error;
  }
}

interface Makers {
  readonly dialler: MakeSide<Side>;
  readonly listener: MakeSide<Side>;
}

/** A network, and what it takes to let time pass on it. */
interface Stage {
  readonly anywhere: { readonly host: string; readonly port: number };
  readonly logs: Pair<Side>['logs'];
  config(side: 'dialler' | 'listener'): SideConfig;
  /** The address at which the dialler finds who listens at `address`. */
  reach(address: SocketAddress): SocketAddress;
  settle<T>(what: string, promise: Promise<T>): Promise<T>;
  until(what: string, condition: () => boolean): Promise<void>;
}

class SystemStage implements Stage {
  readonly anywhere = { host: '127.0.0.1', port: 0 };
  readonly logs = { dialler: [] as LogLine[], listener: [] as LogLine[] };
  readonly #transport: Transport;

  constructor(over: 'memory' | 'tcp') {
    if (over !== 'memory' && over !== 'tcp') {
      throw new PeerError('P2P_ERR_INVALID_CONFIG', `\`over\` is ${describe(over)}`, {
        remedy: "give 'memory', 'tcp' or a world that simulate() made",
      });
    }
    this.#transport = over === 'tcp' ? tcpTransport() : memoryTransport();
  }

  config(side: 'dialler' | 'listener'): SideConfig {
    return { transport: this.#transport, logger: recordingLogger(this.logs[side]) };
  }

  reach(address: SocketAddress): SocketAddress {
    return address.isWildcard ? new SocketAddress(this.anywhere.host, address.port) : address;
  }

  settle<T>(what: string, promise: Promise<T>): Promise<T> {
    return soon(`a pair of which ${what}`, promise);
  }

  until(what: string, condition: () => boolean): Promise<void> {
    return until(what, condition);
  }
}

class WorldStage implements Stage {
  readonly anywhere = { host: '0.0.0.0', port: 4_000 };
  readonly #world: World;
  readonly logs;
  readonly #hosts;

  constructor(world: World) {
    this.#world = world;
    this.#hosts = { dialler: this.#newHost(), listener: this.#newHost() };
    this.logs = { dialler: this.#hosts.dialler.log, listener: this.#hosts.listener.log };
  }

  config(side: 'dialler' | 'listener'): SideConfig {
    return this.#hosts[side].config;
  }

  reach({ host, port, isWildcard }: SocketAddress): SocketAddress {
    return new SocketAddress(isWildcard ? this.#hosts.listener.address : host, port);
  }

  settle<T>(_what: string, promise: Promise<T>): Promise<T> {
    return this.#world.drive(promise);
  }

  until(what: string, condition: () => boolean): Promise<void> {
    return this.#world.until(what, condition);
  }

  /** A host at the next address that is free. */
  #newHost() {
    const taken = new Set(this.#world.hosts.flatMap(({ addresses }) => addresses));
    let number = 1;
    while (taken.has(addressOf(number))) number++;
    return this.#world.host(addressOf(number));
  }
}

const addressOf = (number: number): string => `10.0.${number >> 8}.${number & 255}`;

function makersOf(make: MakeSide<Side> | Makers | NodeConfig<unknown, never>): Makers {
  if (typeof make === 'function') return { dialler: make, listener: make };
  if ('dialler' in make) return make;
  const node = (config: SideConfig): Side => new PeerNode({ ...make, ...config });
  return { dialler: node, listener: node };
}

function nodeOf(side: Side): PeerNode<unknown, never> {
  return side instanceof PeerNode ? side : side.node;
}
