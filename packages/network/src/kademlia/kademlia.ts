import { json } from '@pea2pea/codecs';
import {
  definePlugin,
  PLUGIN_STATE,
  SocketAddress,
  type Connection,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import { describe, invalidConfig } from '@pea2pea/core/authoring';
import { Requests } from '@pea2pea/rpc';
import { protocol, type Protocol } from '@pea2pea/streams';
import { networkError } from '../shared/errors.js';
import { PeerAddress } from '../shared/peer-address.js';
import type { Contact } from './contact.js';
import { Counts, type KademliaReport } from './counts.js';
import { Courier } from './courier.js';
import { nodeIdOf, readId } from './id.js';
import { MAX_LISTENS, readHello } from './messages.js';
import { resolveKademliaOptions, type KademliaOptions, type ResolvedKademliaOptions } from './options.js';
import { Neighbourhood } from './neighbourhood.js';
import { Providers } from './providers.js';
import { Publisher, type Published } from './publisher.js';
import { keyOf, type DhtRecord } from './record.js';
import { Searches } from './searches.js';
import { Server } from './server.js';
import { Upkeep } from './upkeep.js';
import { Values } from './values.js';

const PROTOCOL = 'pea2pea/kademlia';

/** All that exists once the node knows who it is. */
interface Running {
  readonly neighbourhood: Neighbourhood;
  readonly values: Values;
  readonly searches: Searches;
  readonly publisher: Publisher;
  readonly upkeep: Upkeep;
}

/**
 * A distributed hash table: each node keeps a part of what all have put, and finds any key with a few questions. {@link kademlia}
 * makes it.
 *
 * - The id of a node is the SHA-256 of the identity that it has proved. A contact gets into the routing table when this node has been
 *   connected with it; what others tell is only a place to look.
 * - A value is content-addressed, or signed: whoever keeps it can lose it, or withhold it, but not forge it.
 * - A provider is who said so, with the identity that they proved.
 * - Look-ups go several ways that share no node, and one party (`perGroup`) has few places in tables and look-ups.
 *
 * note: it needs `protocols()` in the same node, a codec of `withProtocols`, and a handshake that proves identities, such as `noise`.
 * note: a node that does not listen looks up and puts, and nobody stores anything there.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Kademlia implements Hooks<unknown> {
  /** Its name among the plugins of a node, and the one that it needs. */
  static readonly plugin = {
    name: 'kademlia',
    after: ['protocols', 'address-book', 'bans', 'noise', 'tls', 'unique-peer'],
    needs: ['protocols'],
  };
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedKademliaOptions;
  readonly #protocol: Protocol<unknown>;
  readonly #requests: Requests;
  readonly #courier: Courier;
  readonly #providers: Providers;
  readonly #counts = new Counts();
  #running: Running | undefined;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: KademliaOptions) {
    this.#node = node;
    this.#options = resolveKademliaOptions(options);
    const hello = (): unknown => ({ listens: this.#announced() });
    this.#protocol = protocol<unknown>(node, {
      name: PROTOCOL,
      versions: [1],
      codec: json<unknown>(),
      // Read at each handshake: a node may begin to listen later.
      get hello() {
        return hello();
      },
      onOpen: (connection) => {
        this.#courier.opened(connection);
        this.#running?.neighbourhood.opened(connection);
      },
      onMessage: (message, connection) => {
        const pause = this.#requests.onMessage(message, connection);
        return pause instanceof Promise ? pause.then(() => undefined) : undefined;
      },
      onClose: (connection) => {
        this.#courier.closed(connection);
        this.#running?.neighbourhood.closed(connection);
      },
    });
    const { queryTimeoutMs: timeoutMs } = this.#options;
    this.#requests = new Requests(node, { timeoutMs, exclusive: true, dialect: 'none' }, this.#protocol);
    this.#courier = new Courier(node, this.#options);
    this.#providers = new Providers(this.#options);
  }

  /** The id of this node, in 64 hexadecimal digits. @throws {PeerError} P2P_ERR_NOT_RUNNING */
  get id(): string {
    return this.#started.neighbourhood.self.toString('hex');
  }

  /** The nodes that this one knows: the place of each, and its id. */
  get contacts(): readonly { readonly id: string; readonly peer: PeerAddress }[] {
    const all = this.#running?.neighbourhood.table.entries() ?? [];
    return Array.from(all, ({ contact: { id, peer } }) => ({ id: id.toString('hex'), peer }));
  }

  /** What it did since the start, and what it holds now. */
  get report(): KademliaReport {
    const { neighbourhood, values, publisher } = this.#running ?? {};
    return {
      contacts: neighbourhood?.table.size ?? 0,
      table: neighbourhood?.table.counts ?? { added: 0, removed: 0, crowded: 0 },
      lookUps: this.#counts.lookUps,
      served: this.#counts.served,
      refused: { ...this.#counts.refused },
      values: values?.size ?? 0,
      valuesBytes: values?.bytes ?? 0,
      providers: this.#providers.size,
      published: publisher?.size ?? 0,
      discarded: this.#counts.discarded,
      ...this.#courier.counts,
      connections: this.#courier.kept,
    };
  }

  /** The report, for pages and exporters. */
  [PLUGIN_STATE](): KademliaReport {
    return this.report;
  }

  /**
   * Joins: reaches the seeds, looks for the neighbours of this node, then for nodes in each part of the network. It does so at the start
   * and as long as nobody is known; call it to wait for it. Resolves with how many nodes are known.
   */
  async join(): Promise<number> {
    const { upkeep, neighbourhood } = this.#started;
    await upkeep.join();
    return neighbourhood.table.size;
  }

  /**
   * The nodes closest to an id or a key, in 64 hexadecimal digits, that are there now, closest first.
   *
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG; P2P_ERR_NOT_RUNNING; P2P_ERR_NO_CONTACTS when no node was reached
   */
  async findNodes(target: string): Promise<readonly PeerAddress[]> {
    const { searches } = this.#started;
    const { closest } = await searches.nodes(requireKey(target));
    return closest.map(({ peer }) => peer);
  }

  /**
   * Where the node of an identity is; undefined where it is not found.
   *
   * @throws {PeerError} P2P_ERR_NOT_RUNNING; P2P_ERR_NO_CONTACTS when no node was reached
   */
  async findPeer(identity: string): Promise<PeerAddress | undefined> {
    const { searches } = this.#started;
    return searches.peer(identity);
  }

  /**
   * Stores a value at the nodes closest to its key, and again every `republishEveryMs` until {@link withdraw}: bytes, whose key is their
   * SHA-256, or what {@link signValue} returned.
   *
   * note: whoever knows the key can read it.
   * @throws {PeerError} P2P_ERR_INVALID_VALUE; P2P_ERR_NOT_STORED when no node took it; P2P_ERR_NO_CONTACTS when none was reached;
   * P2P_ERR_TOO_MUCH_PUBLISHED; P2P_ERR_NOT_RUNNING
   */
  put(value: Uint8Array | DhtRecord): Promise<Published> {
    const record = value instanceof Uint8Array ? { value: Buffer.from(value) } : value;
    const { publisher } = this.#started;
    return publisher.put(record);
  }

  /**
   * The value of a key, authentic and accepted; of a signed one the newest that is found. Undefined where nobody has it.
   *
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `key` is not 64 hexadecimal digits; P2P_ERR_NO_CONTACTS; P2P_ERR_NOT_RUNNING
   */
  async get(key: string): Promise<DhtRecord | undefined> {
    const { searches } = this.#started;
    return searches.value(requireKey(key));
  }

  /**
   * Says that this node has what `key` stands for, at the nodes closest to it, and again every `republishEveryMs` until {@link withdraw}.
   *
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG, P2P_ERR_NOT_STORED, P2P_ERR_NO_CONTACTS, P2P_ERR_TOO_MUCH_PUBLISHED, P2P_ERR_NOT_RUNNING
   */
  provide(key: string): Promise<Published> {
    const { publisher } = this.#started;
    return publisher.provide(requireKey(key));
  }

  /**
   * Those who say that they have what `key` stands for; `limit` at most.
   *
   * note: a node may name others that have said nothing: dial with `connectPeer`, which reaches the one that is named or nobody, and check
   * what it sends.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG, P2P_ERR_NO_CONTACTS, P2P_ERR_NOT_RUNNING
   */
  async findProviders(key: string, limit = 20): Promise<readonly PeerAddress[]> {
    const { searches } = this.#started;
    return searches.providers(requireKey(key), limit);
  }

  /** Stores a value or a key no more. What is stored stays until it is over. Returns whether it was stored again and again. */
  withdraw(key: string): boolean {
    return this.#running?.publisher.withdraw(key) ?? false;
  }

  /** Begins: loads the contacts that were kept, and joins. */
  async onStart(): Promise<void> {
    const { localIdentity } = this.#options;
    const identity: unknown = typeof localIdentity === 'function' ? localIdentity() : localIdentity;
    if (typeof identity !== 'string' || identity === '') {
      throw invalidConfig(`\`localIdentity\` must be a string that is not empty, not ${describe(identity)}`);
    }
    this.#begin(nodeIdOf(identity));
    this.#node.signal.addEventListener('abort', () => this.#halt(), { once: true });
    await this.#running!.upkeep.start();
  }

  /** No response comes any more. */
  onPeerEnd(connection: Connection): void {
    this.#requests.onPeerEnd(connection);
  }

  /** New requests are refused. */
  onDrain(): void {
    this.#requests.onDrain();
  }

  /** Ends, and keeps the contacts. */
  async onStop(): Promise<void> {
    this.#requests.onStop();
    this.#halt();
    await this.#running?.upkeep.save();
  }

  #begin(self: Buffer): void {
    const [node, options, counts, courier] = [this.#node, this.#options, this.#counts, this.#courier];
    const addressOf = (connection: Connection) => this.#addressOf(connection);
    const requests = this.#requests;
    const neighbourhood = new Neighbourhood({ node, options, courier, requests, self, addressOf });
    const values = new Values(self, options);
    const providers = this.#providers;
    const server = new Server(
      {
        ...{ node, options, values, providers, counts, addressOf },
        table: () => neighbourhood.table,
        told: (target: Buffer): readonly Contact[] => neighbourhood.told(target),
      },
      requests,
    );
    const searches = new Searches({ node, options, counts, neighbourhood, values, providers, server });
    const publisher = new Publisher({ node, options, searches, neighbourhood, values, server });
    const upkeep = new Upkeep({ node, options, neighbourhood, searches, publisher, values, providers });
    this.#running = { neighbourhood, values, searches, publisher, upkeep };
    for (const connection of this.#courier.all()) neighbourhood.opened(connection);
  }

  #halt(): void {
    this.#running?.upkeep.stop();
    this.#courier.stop();
  }

  get #started(): Running {
    if (this.#running !== undefined) return this.#running;
    throw networkError('P2P_ERR_NOT_RUNNING', 'kademlia does not know yet who its node is');
  }

  /** Where the peer can be dialled: at the host that it is seen at, and the port at which it says that it listens. */
  #addressOf(connection: Connection): PeerAddress | undefined {
    const { identity, address, direction } = connection;
    if (identity === undefined) return undefined;
    if (direction === 'outbound') return new PeerAddress(address, identity);
    for (const text of readHello(this.#protocol.with(connection)?.hello)) {
      const place = readPlace(text);
      if (place !== undefined && (place.isWildcard || place.host === address.host)) {
        return new PeerAddress(new SocketAddress(address.host, place.port), identity);
      }
    }
    return undefined;
  }

  #announced(): string[] {
    const listening = this.#node.listening.filter(({ path }) => path === undefined).map(String);
    return [...this.#options.addresses, ...listening].slice(0, MAX_LISTENS);
  }
}

function readPlace(text: string): SocketAddress | undefined {
  try {
    const place = SocketAddress.from(text);
    return place.path === undefined && place.port !== 0 ? place : undefined;
  } catch {
    return undefined;
  }
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
function requireKey(key: string): Buffer {
  const id = readId(key);
  if (id === undefined) throw invalidConfig(`\`key\` must be 64 hexadecimal digits, not ${describe(key)}`);
  return id;
}

/** The key of a value: of its bytes, or of who signed it and its name. */
export function keyOfRecord(record: DhtRecord): string {
  return keyOf(record).toString('hex');
}

/**
 * Lists {@link Kademlia} among the plugins of a node or a peer.
 *
 * ```ts
 * const staticKey = await loadOrCreateKey('peer.key');
 * const node = new PeerNode({ codec: withProtocols(json()) })
 *   .use(noise({ pattern, staticKey }))
 *   .use(protocols())
 *   .use(kademlia({ localIdentity: staticKey.publicKey.toString('hex'), seeds: ['seed.example.org:4000'] }));
 * ```
 */
export const kademlia = definePlugin(Kademlia);
