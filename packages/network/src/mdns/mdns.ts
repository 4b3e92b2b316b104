import { definePlugin, PLUGIN_STATE, type Hooks, type PeerNode, type Timer } from '@pea2pea/core';
import { TokenBucket } from '@pea2pea/core/authoring';
import { Backoff } from '@pea2pea/policies';
import { addressBook } from '../book/plugin.js';
import type { PeerAddress } from '../shared/peer-address.js';
import type { MdnsLink, MdnsPacket, MdnsSender } from './link.js';
import { resolveMdnsOptions, type MdnsOptions, type ResolvedMdnsOptions } from './options.js';
import { isOnLink, ownAddresses } from './own-networks.js';
import { announcement, asksFor, peersIn, type Announced } from './records.js';

/** RFC 6762: how long to wait before the first query (5.2) and a reply (6), and the least between two multicasts of a record (6). */
const FIRST_QUERY_MS = 1_000;
const REPLY_MS = { min: 20, max: 120 } as const;
const REPLY_EVERY_MS = 1_000;

/** What came from the network, and what became of it. All of it only rises. */
export interface MdnsCounts {
  /** Packets that tell of peers, and were looked at. */
  readonly heard: number;
  /** Addresses that went to the book: new ones, and those that it knew. */
  readonly taken: number;
  /** Addresses of `taken` that were new. */
  readonly learned: number;
  /** Packets that were not looked at: more than `maxPerSecond`. */
  readonly limited: number;
  /** Addresses that were not taken: more new ones than `acceptPerMinute`. */
  readonly refused: number;
  /** Packets from outside of the network, or from another port than that of multicast DNS. */
  readonly foreign: number;
  /** What is not a packet. */
  readonly malformed: number;
  /** What could not be sent, and links that could not be opened. */
  readonly failed: number;
}

/**
 * Finds nodes of the local network, and has them find this one, by multicast DNS (RFC 6762, RFC 6763). {@link mdns} makes it.
 *
 * note: whoever is in the network can tell this node of peers: at the address that they send from, and some at a time. A host fills one
 * bucket of the book at most, all of the network a sixteenth of those for what was told. An identity from there is what `noise` is asked to prove.
 * note: IPv4 alone. The first port at which the node listens is told; a node that listens at a path or on loopback alone tells nothing.
 * note: where the link cannot be opened, that is a warning in the log, and the node goes on without.
 */
export class Mdns implements Hooks<unknown> {
  /** Its name among the plugins of a node, and the one that it needs. */
  static readonly plugin = { name: 'mdns', after: ['address-book'], needs: ['address-book'] };
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedMdnsOptions;
  readonly #backoff: Backoff;
  readonly #service: string;
  /** A new name for each start, so that nobody is followed from network to network by it. */
  #label = '';
  readonly #packets: TokenBucket;
  readonly #newcomers: TokenBucket;
  readonly #counts = {
    heard: 0,
    taken: 0,
    learned: 0,
    limited: 0,
    refused: 0,
    foreign: 0,
    malformed: 0,
    failed: 0,
  };
  #link: MdnsLink | undefined;
  #query: Timer | undefined;
  #reply: Timer | undefined;
  /** When something was last asked by anybody, and told by this node. */
  #askedMs = -Infinity;
  #repliedMs = -Infinity;
  /** What was told last: when the node stops, it listens no more. */
  #told: Announced | undefined;
  #queries = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; P2P_ERR_UNSUPPORTED when `multicast-dns` is not installed */
  constructor(node: PeerNode<unknown>, options: MdnsOptions = {}) {
    this.#node = node;
    this.#options = resolveMdnsOptions(options);
    const { queryEveryMs, service, maxPerSecond, acceptPerMinute } = this.#options;
    const delays = { minDelayMs: FIRST_QUERY_MS, maxDelayMs: queryEveryMs, factor: 2, jitter: 0.5 };
    this.#backoff = new Backoff(delays, node.config.random);
    this.#service = `${service}.local`;
    const nowMs = this.#nowMs();
    this.#packets = new TokenBucket({ perSecond: maxPerSecond, capacity: 2 * maxPerSecond }, nowMs);
    this.#newcomers = new TokenBucket({ perSecond: acceptPerMinute / 60, capacity: acceptPerMinute }, nowMs);
  }

  /** What came from the network. */
  get counts(): MdnsCounts {
    return { ...this.#counts };
  }

  /** What snapshots show: the counters, and whether it listens. */
  [PLUGIN_STATE](): unknown {
    return { service: this.#service, isOpen: this.#link !== undefined, ...this.#counts };
  }

  /** Opens the link. */
  onStart(): void {
    const { random } = this.#node.config;
    this.#label = [1, 2, 3, 4].map(() => hex16(random.next())).join('');
    this.#queries = 0;
    try {
      this.#link = this.#options.open({
        onPacket: (packet, sender) => this.#onPacket(packet, sender),
        onMalformed: () => void this.#counts.malformed++,
        onFailure: (error) => this.#onFailure(error),
      });
    } catch (error) {
      this.#onFailure(error);
      return;
    }
    this.#replySoon();
    this.#querySoon();
  }

  /** Tells that this node is gone, and closes the link. */
  async onStop(): Promise<void> {
    this.#query?.cancel();
    this.#reply?.cancel();
    this.#reply = undefined;
    const link = this.#link;
    this.#link = undefined;
    const told = this.#told;
    this.#told = undefined;
    await link?.close(told && announcement(told, true));
  }

  #querySoon(): void {
    const delayMs = this.#backoff.delayMs(++this.#queries);
    this.#query = this.#node.config.clock.setTimeout(
      () => {
        // What another node has asked just now, everybody has replied to.
        if (this.#nowMs() - this.#askedMs >= delayMs) {
          this.#askedMs = this.#nowMs();
          this.#send({ type: 'query', questions: [{ name: this.#service, type: 'PTR' }] });
        }
        this.#querySoon();
      },
      delayMs,
      { keepsAlive: false },
    );
  }

  /** Tells all of this node once, after some time in which others may ask for the same. */
  #replySoon(): void {
    if (!this.#options.announce || this.#reply !== undefined || this.#link === undefined) return;
    const { clock, random } = this.#node.config;
    const delayMs = REPLY_MS.min + (REPLY_MS.max - REPLY_MS.min) * random.next();
    const restMs = this.#repliedMs + REPLY_EVERY_MS - this.#nowMs();
    this.#reply = clock.setTimeout(
      () => {
        this.#reply = undefined;
        const announced = this.#announced();
        if (announced === undefined) return;
        this.#repliedMs = this.#nowMs();
        this.#told = announced;
        this.#send(announcement(announced));
      },
      Math.ceil(Math.max(delayMs, restMs)),
      { keepsAlive: false },
    );
  }

  #onPacket(packet: MdnsPacket, sender: MdnsSender): void {
    if (this.#link === undefined) return;
    if (!isAllowed(this.#packets, this.#nowMs())) {
      this.#counts.limited++;
      return;
    }
    if (!isOnLink(sender.address)) this.#counts.foreign++;
    else if (packet.type === 'query') this.#onQuery(packet);
    // A reply from another port comes from a program that cannot be a responder: RFC 6762, section 6.
    else if (sender.port !== this.#options.port) this.#counts.foreign++;
    else this.#onResponse(packet, sender);
  }

  #onQuery(packet: MdnsPacket): void {
    if (asksFor(packet, [this.#service])) this.#askedMs = this.#nowMs();
    if (asksFor(packet, [this.#service, this.#instance, this.#host])) this.#replySoon();
  }

  #onResponse(packet: MdnsPacket, sender: MdnsSender): void {
    const peers = peersIn(packet, sender, { service: this.#service, own: this.#instance });
    if (peers.length > 0) this.#counts.heard++;
    for (const peer of peers) this.#take(peer);
  }

  #take(peer: PeerAddress): void {
    const { book } = this.#node.plugin(addressBook);
    if (this.#node.listening.some((place) => place.isReachedBy(peer.address))) return;
    if (book.get(peer) === undefined && !isAllowed(this.#newcomers, this.#nowMs())) {
      this.#counts.refused++;
      return;
    }
    this.#counts.taken++;
    if (book.add(peer, { kind: 'discovered', group: sourceOf(peer) })) this.#counts.learned++;
  }

  /** What to tell of this node; undefined where nobody could dial it. */
  #announced(): Announced | undefined {
    const { identity, interface: only } = this.#options;
    const place = this.#node.listening.find(({ path, isLoopback }) => path === undefined && !isLoopback);
    // On one interface alone, loopback may be meant: nodes of one machine.
    const listening =
      place ?? (only === undefined ? undefined : this.#node.listening.find(({ host }) => host === only));
    if (listening === undefined) return undefined;
    const addresses = listening.isWildcard ? ownAddresses(only) : [listening.host];
    const { port } = listening;
    return { service: this.#service, instance: this.#instance, host: this.#host, port, addresses, identity };
  }

  #send(packet: MdnsPacket): void {
    this.#link?.send(packet);
  }

  #onFailure(err: unknown): void {
    const isFirst = this.#counts.failed++ === 0;
    if (isFirst) this.#node.logger.warn({ err }, 'multicast DNS does not work here');
  }

  get #instance(): string {
    return `${this.#label}.${this.#service}`;
  }

  get #host(): string {
    return `${this.#label}.local`;
  }

  #nowMs(): number {
    return this.#node.config.clock.now();
  }
}

function hex16(random: number): string {
  return Math.floor(random * 0x1_0000)
    .toString(16)
    .padStart(4, '0');
}

/** One of 16 sources for all of the network, so that one host does not take the places of all others. */
function sourceOf({ address }: PeerAddress): string {
  return `mdns ${Number(address.host.split('.').at(-1)) % 16}`;
}

function isAllowed(tokens: TokenBucket, nowMs: number): boolean {
  if (tokens.take(1, nowMs) === 0) return true;
  tokens.putBack(1);
  return false;
}

/**
 * Lists {@link Mdns} among the plugins of a node or a peer.
 *
 * ```ts
 * node
 *   .use(noise({ pattern, staticKey }))
 *   .use(addressBook())
 *   .use(mdns({ identity: staticKey.publicKey.toString('hex') }))
 *   .use(connectionManager());
 * ```
 */
export const mdns = definePlugin(Mdns);
