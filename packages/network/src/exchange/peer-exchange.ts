import { json } from '@pea2pea/codecs';
import {
  definePlugin,
  PLUGIN_STATE,
  SocketAddress,
  type Connection,
  type Hooks,
  type PeerNode,
  type Timer,
} from '@pea2pea/core';
import { excerpt, TokenBucket } from '@pea2pea/core/authoring';
import { protocol, type Protocol } from '@pea2pea/streams';
import { addressBook } from '../book/plugin.js';
import { connectionManager } from '../manager/connection-manager.js';
import { groupOf, LOCAL_GROUP } from '../shared/groups.js';
import { PeerAddress } from '../shared/peer-address.js';
import { pluginOf } from '../shared/plugin-of.js';
import { MAX_LISTENS, readAddress, readMessage, type ExchangeMessage } from './messages.js';
import { resolveExchangeOptions, type PeerExchangeOptions, type ResolvedExchangeOptions } from './options.js';
import { Observed } from './observed.js';

/** A hungry node asks no more often than this. */
const MIN_ASK_MS = 1_000;

/** What is kept for a connection with a peer that exchanges addresses. */
interface Talk {
  /** How many addresses more it may tell. */
  readonly allowance: TokenBucket;
  /** When it may ask again, on the monotonic clock. */
  repliesFromMs: number;
  /** Whether this node has asked, and has no reply yet. */
  isAsked: boolean;
}

/** How much was exchanged, and how much was not. All of it only rises. */
export interface PeerExchangeCounts {
  /** Addresses that peers have told, and that went to the book: new ones, and those that it knew. */
  readonly taken: number;
  /** Addresses of `taken` that were new. */
  readonly learned: number;
  /** Addresses that were ignored: above the allowance of a peer, or that nobody could dial. */
  readonly ignored: number;
  /** Replies that were not asked for, and messages that make no sense. */
  readonly nonsense: number;
  /** Requests that came too soon. */
  readonly tooSoon: number;
  /** Addresses that peers were told. */
  readonly told: number;
}

/**
 * Has peers tell each other addresses, by a sub-protocol: where each listens, and a sample of the address book. {@link peerExchange}
 * makes it.
 *
 * - Each side says where it listens, and at which address it sees the other one. For a wildcard the receiver takes the address that
 *   it sees; the identity is the proven one, never one that is told.
 * - This node asks each peer that it dials, and a random one now and then: more often as long as its `connectionManager` has slots
 *   left. Nobody can tell it addresses that it did not ask for.
 * - A peer that tells many addresses moves nothing: its allowance is small, and the book keeps all that come from its group in a
 *   sixteenth of its slots.
 * - Addresses of a local network are told only within a local network.
 *
 * note: it needs `protocols()` and `addressBook` in the same node, and a codec of `withProtocols`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class PeerExchange implements Hooks<unknown> {
  /** Its name among the plugins of a node, and those that it needs. */
  static readonly plugin = {
    name: 'peer-exchange',
    after: ['address-book', 'protocols'],
    needs: ['address-book', 'protocols'],
  };
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedExchangeOptions;
  readonly #protocol: Protocol<ExchangeMessage>;
  readonly #talks = new Map<Connection, Talk>();
  readonly #observed = new Observed();
  readonly #counts = { taken: 0, learned: 0, ignored: 0, nonsense: 0, tooSoon: 0, told: 0 };
  #timer: Timer | undefined;
  #isRunning = false;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: PeerExchangeOptions = {}) {
    this.#node = node;
    this.#options = resolveExchangeOptions(options);
    this.#protocol = protocol<unknown, ExchangeMessage>(node, {
      name: 'pea2pea/peers',
      versions: [1],
      codec: json<unknown>(),
      onOpen: (connection) => this.#onOpen(connection),
      onMessage: (message, connection) => this.#onMessage(message, connection),
      onClose: (connection) => void this.#talks.delete(connection),
    });
  }

  /** How much was exchanged. */
  get counts(): PeerExchangeCounts {
    return { ...this.#counts };
  }

  /**
   * The address of this node as others see it: the host that most groups of peers have named, undefined as long as fewer than two have.
   *
   * note: the port is one of a dial, which nobody can dial; behind a NAT it takes a port mapping besides.
   */
  get observedHost(): string | undefined {
    return this.#observed.host;
  }

  /** What snapshots show: the counters, and the peers that have told all that they may for now. */
  [PLUGIN_STATE](): unknown {
    const { acceptPerMinute, maxPerReply } = this.#options;
    let asked = 0;
    for (const { isAsked } of this.#talks.values()) if (isAsked) asked++;
    return {
      peers: this.#talks.size,
      asked,
      observedHost: this.observedHost ?? null,
      acceptPerMinute,
      maxPerReply,
      ...this.#counts,
      spentAllowances: excerpt(this.#spent(this.#nowMs()), ({ id, address }) => ({
        connection: id,
        address: address.toString(),
      })),
    };
  }

  *#spent(nowMs: number): Generator<Connection> {
    for (const [connection, { allowance }] of this.#talks) if (allowance.left(nowMs) < 1) yield connection;
  }

  /** Asks a peer for addresses, unless it has not replied yet. Returns whether it was asked. */
  ask(connection: Connection): boolean {
    const talk = this.#talks.get(connection);
    if (talk === undefined || talk.isAsked || connection.state !== 'open') return false;
    talk.isAsked = true;
    this.#say(connection, { type: 'want', limit: this.#options.maxPerReply });
    return true;
  }

  /** Begins to ask. */
  onStart(): void {
    this.#isRunning = true;
    this.#wait();
  }

  /** Asks no more. */
  onStop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
  }

  #wait(): void {
    const { clock, random } = this.#node.config;
    const { askEveryMs, replyEveryMs } = this.#options;
    const everyMs = this.#isHungry ? Math.min(askEveryMs, Math.max(replyEveryMs, MIN_ASK_MS)) : askEveryMs;
    const delayMs = Math.ceil(everyMs * (1 + 0.5 * random.next()));
    this.#timer = clock.setTimeout(
      () => {
        const all = [...this.#talks.keys()];
        const one = all[Math.floor(random.next() * all.length)];
        if (one !== undefined) this.ask(one);
        this.#wait();
      },
      delayMs,
      { keepsAlive: false },
    );
  }

  get #isHungry(): boolean {
    return pluginOf(this.#node, connectionManager)?.hasSlot ?? false;
  }

  #onOpen(connection: Connection): void {
    const { maxPerReply, acceptPerMinute } = this.#options;
    this.#talks.set(connection, {
      allowance: new TokenBucket({ perSecond: acceptPerMinute / 60, capacity: maxPerReply }, this.#nowMs()),
      repliesFromMs: 0,
      isAsked: false,
    });
    this.#say(connection, {
      type: 'hello',
      listens: this.#announced(),
      sees: connection.address.toString(),
    });
    if (connection.direction === 'outbound') this.ask(connection);
  }

  #onMessage(value: unknown, connection: Connection): void {
    const talk = this.#talks.get(connection);
    const message = readMessage(value);
    if (talk === undefined || !this.#isRunning) return;
    if (message === undefined) this.#counts.nonsense++;
    else if (message.type === 'hello') this.#onHello(message, connection);
    else if (message.type === 'want') this.#onWant(message.limit, connection, talk);
    else if (talk.isAsked) this.#onPeers(message.peers, connection, talk);
    else this.#counts.nonsense++;
  }

  /** The places where the peer says that it listens: at the host that it is seen at, or at one that is told like any other. */
  #onHello({ listens, sees }: ExchangeMessage & { type: 'hello' }, connection: Connection): void {
    const seen = readAddress(sees);
    if (seen !== undefined) this.#observed.add(seen.address.host, groupOf(connection.address));
    for (const text of listens) {
      const place = parsePlace(text);
      if (place === undefined) continue;
      const host = place.isWildcard ? connection.address.host : place.host;
      const talk = this.#talks.get(connection);
      if (talk !== undefined) {
        const peer = new PeerAddress(new SocketAddress(host, place.port), connection.identity);
        this.#take(peer, this.#node.config.clock.date(), connection, talk);
      }
    }
  }

  #onWant(limit: number, connection: Connection, talk: Talk): void {
    const nowMs = this.#nowMs();
    if (nowMs < talk.repliesFromMs) {
      this.#counts.tooSoon++;
      return;
    }
    talk.repliesFromMs = nowMs + this.#options.replyEveryMs;
    const date = this.#node.config.clock.date();
    const isNeighbour = groupOf(connection.address) === LOCAL_GROUP;
    const peers = this.#book
      .sample(Math.min(limit, this.#options.maxPerReply))
      .filter(({ group }) => isNeighbour || group !== LOCAL_GROUP)
      .map(
        ({ address, seenMs }) =>
          [address.toString(), Math.max(0, Math.round((date - seenMs) / 1_000))] as const,
      );
    this.#counts.told += peers.length;
    this.#say(connection, { type: 'peers', peers });
  }

  #onPeers(peers: readonly (readonly [string, number])[], connection: Connection, talk: Talk): void {
    talk.isAsked = false;
    const date = this.#node.config.clock.date();
    for (const [text, ageSeconds] of peers) {
      const peer = readAddress(text);
      if (peer === undefined) this.#counts.ignored++;
      else this.#take(peer, date - ageSeconds * 1_000, connection, talk);
    }
  }

  #take(peer: PeerAddress, seenMs: number, connection: Connection, talk: Talk): void {
    const isNeighbour = groupOf(connection.address) === LOCAL_GROUP;
    const isDialable = isNeighbour || groupOf(peer.address) !== LOCAL_GROUP;
    const isOurs = this.#node.listening.some((place) => place.isReachedBy(peer.address));
    if (!isDialable || isOurs || !this.#isAllowed(talk)) {
      this.#counts.ignored++;
      return;
    }
    this.#counts.taken++;
    const from = new PeerAddress(connection.address);
    if (this.#book.add(peer, { kind: 'told', from, seenMs: Math.max(0, seenMs) })) this.#counts.learned++;
  }

  #isAllowed({ allowance }: Talk): boolean {
    const isDebt = allowance.take(1, this.#nowMs()) > 0;
    if (isDebt) allowance.putBack(1);
    return !isDebt;
  }

  #announced(): string[] {
    const { announce, addresses } = this.#options;
    if (!announce) return [];
    const listening = this.#node.listening.filter(({ path }) => path === undefined).map(String);
    return [...addresses, ...listening].slice(0, MAX_LISTENS);
  }

  /** What there is no room for is not sent: it would come again. */
  #say(connection: Connection, message: ExchangeMessage): void {
    this.#protocol.send(connection, message).catch((error: unknown) => {
      this.#node.logger.debug(
        { peer: connection.address.toString(), err: error },
        'addresses were not exchanged',
      );
    });
  }

  get #book() {
    return this.#node.plugin(addressBook).book;
  }

  #nowMs(): number {
    return this.#node.config.clock.now();
  }
}

/** Where somebody listens; a wildcard stands for the address that they are seen at. */
function parsePlace(text: string): SocketAddress | undefined {
  try {
    const address = SocketAddress.from(text);
    return address.path === undefined && address.port !== 0 ? address : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Lists {@link PeerExchange} among the plugins of a node or a peer.
 *
 * ```ts
 * const node = new PeerNode({ codec: withProtocols(json()) })
 *   .use(protocols()).use(addressBook({ store, seeds })).use(connectionManager()).use(peerExchange());
 * ```
 */
export const peerExchange = definePlugin(PeerExchange);
