import {
  contextKey,
  memoryTransport,
  type Connection,
  type DisconnectReason,
  type Handshake,
  type SocketAddress,
  type Transport,
} from '@pea2pea/core';
import {
  configured,
  createPeer,
  OnConnect,
  OnDisconnect,
  OnHandshake,
  OnMessage,
  Peer,
  Plugin,
  PluginOptions,
  type PeerConfig,
  type ListedPlugin,
} from '@pea2pea/decorators';
import { uniquePeer, UniquePeer, type UniquePeerOptions } from '@pea2pea/policies';
import { lab, textCodec, turn } from '@pea2pea/testing';

const { own } = lab();

/** Who the peer says it is. Nothing proves it: do this in tests alone. */
export const NAME = contextKey<string>('name');

interface IntroduceOptions {
  readonly name: string;
  /** What a handshake waits for when all its bytes were exchanged. */
  readonly gate: ((port: number) => Promise<void>) | undefined;
}

/** Both sides say their name; the connection opens when the gate of its port lets it. */
@Plugin({ inject: [PluginOptions] })
class Introduce {
  readonly #options: IntroduceOptions;
  constructor(options: IntroduceOptions) {
    this.#options = options;
  }

  @OnHandshake()
  async introduce(handshake: Handshake) {
    await handshake.write(`${this.#options.name}\n`);
    handshake.context.set(NAME, (await handshake.readUntil('\n', 64)).toString());
    await this.#options.gate?.(portOf(handshake));
  }
}

/** The port that a connection was dialled from: both sides know it by that. */
export function portOf(one: Pick<Connection, 'direction' | 'address' | 'localAddress'>): number {
  return one.direction === 'outbound' ? one.localAddress.port : one.address.port;
}

export interface PartyOptions {
  readonly transport?: Transport;
  readonly gate?: IntroduceOptions['gate'] | undefined;
  /** Undefined: no `uniquePeer` at all. */
  readonly rule?: Partial<UniquePeerOptions> | undefined;
  readonly plugins?: readonly ListedPlugin[];
  readonly config?: PeerConfig;
}

/** A listening peer that introduces itself as `name`, and writes down what its own hooks hear. */
export async function party(
  name: string,
  { transport = memoryTransport(), gate, rule, plugins = [], config }: PartyOptions,
) {
  const log: string[] = [];
  const options = { identity: NAME, localIdentity: name, ...rule } as UniquePeerOptions;
  @Peer({
    codec: textCodec(),
    plugins: [configured(Introduce, { name, gate }), ...(rule ? [uniquePeer(options)] : []), ...plugins],
  })
  class Party {
    @OnConnect()
    opened(connection: Connection) {
      log.push(`open ${portOf(connection)}`);
    }
    @OnMessage()
    said(text: string, connection: Connection) {
      log.push(`${portOf(connection)}: ${text}`);
    }
    @OnDisconnect()
    ended(connection: Connection, _reason: DisconnectReason) {
      log.push(`end ${portOf(connection)}`);
    }
  }
  const handle = own(
    await createPeer(Party, {
      config: {
        transport,
        listen: { host: '0.0.0.0', port: 0 },
        idleTimeoutMs: 0,
        maxConnectionsPerIp: 100,
        ...config,
      },
    }),
  );
  return {
    handle,
    node: handle.node,
    address: handle.address!,
    log,
    get plugin() {
      return handle.get(UniquePeer);
    },
    /** The ports that its connections were dialled from. */
    ports: () => [...handle.node.connections].map(portOf),
    /**
     * Dials `other`, from port `route` by a way of its own where one is given: two dials of one address are not allowed.
     * What becomes of a connection that the other side ends at once is none of the test's business.
     */
    dial(other: { readonly address: SocketAddress }, route?: number): Promise<Connection | undefined> {
      const { port } = other.address;
      const dialled =
        route === undefined
          ? handle.node.connect({ host: '127.0.0.1', port })
          : handle.node.connect({ host: `127.0.0.${route}`, port }, { localPort: route });
      return dialled.catch(() => undefined);
    },
    [Symbol.asyncDispose]: async () => void (await handle.close()),
  };
}

export type Party = Awaited<ReturnType<typeof party>>;

/** Two parties in one network; `rule` is for both. */
export async function pair(
  names: readonly [string, string],
  options: PartyOptions & { readonly gates?: Gates } = {},
) {
  const { gates, ...rest } = options;
  const shared = { transport: memoryTransport(), rule: {}, ...rest };
  const left = await party(names[0], { ...shared, gate: gates?.gate('L') });
  const right = await party(names[1], { ...shared, gate: gates?.gate('R') });
  return {
    left,
    right,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([left.handle.close(), right.handle.close()]);
    },
  };
}

export type Pair = Pick<Awaited<ReturnType<typeof pair>>, 'left' | 'right'>;

/** Lets connections open, on each side, in the order that a test wants. */
export class Gates {
  readonly #open = new Map<string, () => void>();

  gate(side: string): (port: number) => Promise<void> {
    return (port) =>
      new Promise((resolve) => {
        this.#open.set(`${side}${port}`, resolve);
      });
  }

  get waiting(): number {
    return this.#open.size;
  }

  /** The connection that was dialled from `port` opens on `side`, unless the other side has ended it. */
  async open(side: string, port: number): Promise<void> {
    this.#open.get(`${side}${port}`)!();
    this.#open.delete(`${side}${port}`);
    await turn(8);
  }
}
