import {
  memoryTransport,
  PeerNode,
  SocketAddress,
  type Hooks,
  type Transport,
  type TransportConnectOptions,
} from '@pea2pea/core';
import { ControlledClock, seededRandom } from '@pea2pea/core/testing';
import { createPeer, Peer, type ListedPlugin, type PeerConfig } from '@pea2pea/decorators';
import { reconnect, Reconnect, type ReconnectOptions } from '@pea2pea/policies';
import { lab, type LogLine, recordingLogger, textCodec } from '@pea2pea/testing';

const { own } = lab();

const codec = textCodec();

export const SEED = '10.0.0.1:4000';

/** A network in memory that notes every dial, has names, and has addresses that never answer. */
export class Network {
  readonly clock = new ControlledClock();
  readonly #memory = memoryTransport();
  /** When which address was dialled. */
  readonly dials: { readonly atMs: number; readonly address: string }[] = [];
  /** The hosts that a name stands for. */
  readonly names = new Map<string, readonly string[]>();
  /** Hosts whose dials hang until they are aborted. */
  readonly silent = new Set<string>();
  /** What every dial fails with, if anything. */
  failing: Error | undefined;
  /** Dials that hang now. */
  hanging = 0;
  readonly #nodes: PeerNode<string>[] = [];

  readonly transport: Transport = {
    name: 'noted',
    listen: (options, events) => this.#memory.listen(options, events),
    resolve: ({ host, port }) =>
      Promise.resolve((this.names.get(host) ?? [host]).map((ip) => new SocketAddress(ip, port))),
    connect: (address, options) => {
      this.dials.push({ atMs: this.clock.now(), address: address.toString() });
      if (this.failing !== undefined) return Promise.reject(this.failing);
      return this.silent.has(address.host) ? this.#hang(options) : this.#memory.connect(address, options);
    },
  };

  /** A node that listens at `address`, with a clock of its own. */
  async server(address: string = SEED, hooks: Hooks<string> = {}): Promise<PeerNode<string>> {
    const node = own(new PeerNode({ codec, transport: this.transport, idleTimeoutMs: 0 })).use(hooks);
    this.#nodes.push(node);
    await node.listen(SocketAddress.from(address));
    return node;
  }

  /** A peer with `reconnect`, whose time stands still. Jitter is off unless it is asked for. */
  async keeper(
    options: ReconnectOptions = {},
    { seed = 1, ...config }: KeeperConfig = {},
    plugins: readonly ListedPlugin[] = [],
  ) {
    @Peer({ codec, plugins: [...plugins, reconnect({ addresses: [SEED], jitter: 0, ...options })] })
    class Keeper {}
    const log: LogLine[] = [];
    const handle = own(
      await createPeer(Keeper, {
        config: {
          transport: this.transport,
          clock: this.clock,
          random: seededRandom(seed),
          logger: recordingLogger(log),
          idleTimeoutMs: 0,
          ...config,
        },
      }),
    );
    const plugin = handle.get(Reconnect);
    return {
      handle,
      plugin,
      node: handle.node,
      log,
      /** The states of the list, in order. */
      states: () => plugin.status().map(({ state }) => state),
      status: (index = 0) => plugin.status()[index]!,
      [Symbol.asyncDispose]: async () => void (await handle.close()),
    };
  }

  dialTimes(): number[] {
    return this.dials.map(({ atMs }) => atMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.close()));
  }

  #hang({ cancellation: { signal } }: TransportConnectOptions): Promise<never> {
    this.hanging++;
    return new Promise((_, reject) => {
      const onAbort = (): void => {
        this.hanging--;
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

interface KeeperConfig extends PeerConfig {
  readonly seed?: number;
}
