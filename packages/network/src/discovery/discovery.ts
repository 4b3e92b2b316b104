import { definePlugin, PLUGIN_STATE, type Hooks, type PeerNode, type Timer } from '@pea2pea/core';
import { describe, excerpt, invalidConfig, raceAgainst } from '@pea2pea/core/authoring';
import { Backoff } from '@pea2pea/policies';
import { addressBook } from '../book/plugin.js';
import { groupOf, LOCAL_GROUP } from '../shared/groups.js';
import { PeerAddress, type PeerAddressLike } from '../shared/peer-address.js';
import { resolveDiscoveryOptions, type DiscoveryOptions } from './options.js';
import type { DiscoverySource } from './source.js';

/** What came of a source. All numbers only rise. */
export interface DiscoverySourceCounts {
  /** The name of the source. */
  readonly name: string;
  /** How often it was asked. */
  readonly asked: number;
  /** How often it failed, or took too long. */
  readonly failed: number;
  /** Addresses that went to the book: new ones, and those that it knew. */
  readonly taken: number;
  /** Addresses of `taken` that were new. */
  readonly learned: number;
  /** What was ignored: above `maxPerAsk`, not the address of a peer, of a local network where the source may not tell such, or this node's own. */
  readonly ignored: number;
}

/** A source, and what came of it. */
interface Asked {
  readonly source: DiscoverySource;
  readonly counts: { -readonly [Name in keyof DiscoverySourceCounts]: DiscoverySourceCounts[Name] };
  /** Whether it has not settled yet. */
  isUnderWay: boolean;
  /** Whether the log has said that nothing of it was taken. */
  isReported: boolean;
}

/**
 * Asks sources for addresses as long as the address book is poor: it has fewer than `enough` addresses that are worth a dial, or the node
 * has no connection at all some time after it has started. {@link discovery} makes it.
 *
 * note: all that one source tells is one source of the book, which gives it a sixteenth of the slots for what was told: a DNS server that lies
 * drives out nothing that works.
 * note: the start of the node does not wait for a source.
 */
export class Discovery implements Hooks<unknown> {
  /** Its name among the plugins of a node, and the one that it needs. */
  static readonly plugin = { name: 'discovery', after: ['address-book'], needs: ['address-book'] };
  readonly #node: PeerNode<unknown>;
  readonly #options: Required<DiscoveryOptions>;
  readonly #backoff: Backoff;
  readonly #sources: readonly Asked[];
  #stopped = new AbortController();
  #timer: Timer | undefined;
  /** How often in a row the book was found to be poor. */
  #poor = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: DiscoveryOptions) {
    this.#node = node;
    this.#options = resolveDiscoveryOptions(options);
    const { minDelayMs, maxDelayMs, sources } = this.#options;
    this.#backoff = new Backoff({ minDelayMs, maxDelayMs, factor: 2, jitter: 0.5 }, node.config.random);
    this.#sources = sources.map((source) => ({
      source,
      counts: { name: source.name, asked: 0, failed: 0, taken: 0, learned: 0, ignored: 0 },
      isUnderWay: false,
      isReported: false,
    }));
  }

  /** What came of each source. */
  get counts(): readonly DiscoverySourceCounts[] {
    return this.#sources.map(({ counts }) => ({ ...counts }));
  }

  /** Whether the book has too few addresses that are worth a dial. */
  get isPoor(): boolean {
    return this.#book.hopeful < this.#options.enough;
  }

  /** Asks all sources now, also where the book is not poor. Resolves with how many addresses were new; a source that fails is logged. */
  async ask(): Promise<number> {
    const learned = await Promise.all(this.#sources.map((asked) => this.#ask(asked)));
    return learned.reduce((sum, count) => sum + count, 0);
  }

  /** What snapshots show: the sources, and what came of them. */
  [PLUGIN_STATE](): unknown {
    return {
      enough: this.#options.enough,
      isPoor: this.isPoor,
      sources: excerpt(this.#sources, ({ counts, isUnderWay }) => ({ ...counts, isUnderWay })),
    };
  }

  /** Begins to look. */
  onStart(): void {
    this.#stopped = new AbortController();
    this.#look(this.isPoor);
  }

  /** Looks no more. */
  onStop(): void {
    this.#timer?.cancel();
    this.#stopped.abort();
  }

  #look(isPoor: boolean): void {
    this.#poor = isPoor ? this.#poor + 1 : 0;
    if (isPoor) void this.ask();
    const { clock } = this.#node.config;
    const delayMs = isPoor ? this.#backoff.delayMs(this.#poor) : this.#options.lookEveryMs;
    this.#timer = clock.setTimeout(
      () => this.#look(this.isPoor || this.#node.connections.size === 0),
      delayMs,
      { keepsAlive: false },
    );
  }

  /** Returns how many addresses were new. */
  async #ask(asked: Asked): Promise<number> {
    const stopped = this.#stopped.signal;
    if (asked.isUnderWay || stopped.aborted) return 0;
    const { source, counts } = asked;
    const overdue = new AbortController();
    const signal = AbortSignal.any([stopped, overdue.signal]);
    const { clock, timeoutMs } = { ...this.#options, clock: this.#node.config.clock };
    const timer = clock.setTimeout(() => overdue.abort(), timeoutMs, { keepsAlive: false });
    counts.asked++;
    asked.isUnderWay = true;
    const found = this.#find(source, signal);
    const settled = (): void => void (asked.isUnderWay = false);
    found.then(settled, settled);
    try {
      return this.#take(asked, await raceAgainst(signal, () => found, `the search of ${source.name}`));
    } catch (err) {
      if (stopped.aborted) return 0;
      counts.failed++;
      this.#node.logger.warn({ source: source.name, err }, 'a source of addresses failed');
      return 0;
    } finally {
      timer.cancel();
    }
  }

  /** One that throws rejects. */
  async #find(source: DiscoverySource, signal: AbortSignal): Promise<readonly PeerAddressLike[]> {
    return source.find(signal);
  }

  #take(asked: Asked, found: readonly PeerAddressLike[]): number {
    const { source, counts } = asked;
    if (!Array.isArray(found)) {
      throw invalidConfig(`a source must find an array of addresses, not ${describe(found)}`);
    }
    const { kind = 'discovered' } = source;
    const most = kind === 'configured' ? found.length : this.#options.maxPerAsk;
    const peers = found.slice(0, most).flatMap((value: PeerAddressLike) => this.#usable(source, value));
    const told = kind === 'configured' ? { kind } : { kind, group: `source ${source.name}` };
    const learned = peers.filter((peer) => this.#book.add(peer, told)).length;
    counts.taken += peers.length;
    counts.learned += learned;
    counts.ignored += found.length - peers.length;
    if (peers.length === 0 && found.length > 0 && !asked.isReported) {
      asked.isReported = true;
      this.#node.logger.warn(
        { source: source.name, found: found.length },
        'nothing of what a source of addresses has found could be used: addresses of local networks need `local`',
      );
    }
    return learned;
  }

  #usable(source: DiscoverySource, value: PeerAddressLike): PeerAddress[] {
    try {
      const peer = PeerAddress.from(value);
      const { address } = peer;
      const isDialable = address.path !== undefined || (address.port !== 0 && !address.isWildcard);
      const isAllowed = (source.local ?? true) || !isLocal(address);
      const isOurs = this.#node.listening.some((place) => place.isReachedBy(address));
      return isDialable && isAllowed && !isOurs ? [peer] : [];
    } catch {
      return [];
    }
  }

  get #book() {
    return this.#node.plugin(addressBook).book;
  }
}

/** Whether an address means something on this machine or its network alone. */
function isLocal(address: PeerAddress['address']): boolean {
  return address.path !== undefined || groupOf(address) === LOCAL_GROUP;
}

/**
 * Lists {@link Discovery} among the plugins of a node or a peer.
 *
 * ```ts
 * node
 *   .use(addressBook({ store }))
 *   .use(discovery({ sources: [dnsSeed('seed.example.org:4000'), listed(['203.0.113.7:4000'])] }))
 *   .use(connectionManager());
 * ```
 */
export const discovery = definePlugin(Discovery);
