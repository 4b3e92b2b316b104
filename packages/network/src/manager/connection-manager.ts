import {
  definePlugin,
  PeerError,
  PLUGIN_STATE,
  type Connection,
  type DisconnectReason,
  type Hooks,
  type PeerNode,
  type Timer,
} from '@pea2pea/core';
import { faultOfDial, faultOfEnd } from '@pea2pea/policies';
import { goodbyeOf } from '@pea2pea/streams';
import { addressBook } from '../book/plugin.js';
import type { KnownAddress } from '../book/address-book.js';
import { connectPeer } from '../shared/connect-peer.js';
import { networkError } from '../shared/errors.js';
import { groupOf, LOCAL_GROUP } from '../shared/groups.js';
import { PeerAddress } from '../shared/peer-address.js';
import { InboundSlots } from './inbound-slots.js';
import {
  resolveManagerOptions,
  type ConnectionManagerOptions,
  type ResolvedManagerOptions,
} from './options.js';
import { Resting } from './resting.js';
import { Seats, type Seat } from './seats.js';

/** What an address is dialled for. */
type Purpose = 'slot' | 'anchor' | 'trusted' | 'feeler';

/** The codes of ends that this node has chosen for what the peer did. */
const MISBEHAVED: ReadonlySet<string> = new Set([
  'P2P_ERR_LOW_SCORE',
  'P2P_ERR_BAD_PINGS',
  'P2P_ERR_GOSSIP_ABUSE',
]);

/** A dial that is under way. */
interface Dial {
  readonly peer: PeerAddress;
  readonly group: string;
  readonly purpose: Purpose;
}

/** What the manager is doing, as plain data. */
export interface ConnectionManagerStatus {
  /** Connections that it keeps and has dialled, without trusted peers; {@link ConnectionManagerOptions.outbound} are wanted. */
  readonly outbound: number;
  /** Connections that others have dialled. */
  readonly inbound: number;
  /** Connections with trusted peers. */
  readonly trusted: number;
  /** Dials under way. */
  readonly dialling: number;
  /** Addresses that wait after a failure. */
  readonly resting: number;
  /** Dials since the start; they only rise, as all that follow. */
  readonly dials: number;
  /** Dials that failed. */
  readonly failures: number;
  /** Dials to see who is there. */
  readonly feelers: number;
  /** Connections ended because too many had dialled in. */
  readonly evicted: number;
  /** Connections ended for their score. */
  readonly pruned: number;
}

/**
 * Keeps a number of connections with peers of the address book: dials those that are likely to be there, from distinct groups of
 * addresses, and lets others dial in as long as there are slots. {@link connectionManager} makes it.
 *
 * ```text
 *   trusted  always, besides the slots
 *   anchors  first, after a restart
 *   slots    from the book, until there are `outbound`
 *   feelers  now and then: contested addresses, or one that was told; ended when they are open
 *   inbound  until there are `inbound`; then one of the largest group goes, after a moment as a guest
 * ```
 *
 * note: it needs `addressBook` in the same node. A node that does not listen is started with `node.start()`.
 * note: a failed dial rests its address, longer with each failure; a failure that is this side's own does not count against it.
 * note: with `uniquePeer` listed before it, a peer that has dialled in is not dialled by its identity.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class ConnectionManager implements Hooks<unknown> {
  /** Its name among the plugins of a node, those that it comes after, and the one that it needs. */
  static readonly plugin = {
    name: 'connection-manager',
    after: ['address-book', 'bans', 'noise', 'tls', 'unique-peer'],
    needs: ['address-book'],
  };
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedManagerOptions;
  readonly #resting: Resting;
  readonly #seats = new Seats();
  readonly #inboundSlots: InboundSlots;
  readonly #dials = new Map<string, Dial>();
  /** Those that are still to be dialled. */
  #anchors: PeerAddress[] = [];
  #isRunning = false;
  #look: Timer | undefined;
  #feeler: Timer | undefined;
  readonly #counts = { dials: 0, failures: 0, feelers: 0, pruned: 0 };

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: ConnectionManagerOptions = {}) {
    this.#node = node;
    this.#options = resolveManagerOptions(options, node.config);
    this.#inboundSlots = new InboundSlots(this.#seats, this.#options, node);
    this.#resting = new Resting(this.#options, node.config.clock, node.config.random);
  }

  /** What it is doing now, and how often it has done what. */
  get status(): ConnectionManagerStatus {
    const seats = this.#seats.all();
    return {
      outbound: this.#seats.outbound().length,
      inbound: this.#seats.inbound().length,
      trusted: seats.filter(({ isTrusted }) => isTrusted).length,
      dialling: this.#dials.size,
      resting: this.#resting.size,
      evicted: this.#inboundSlots.evicted,
      ...this.#counts,
    };
  }

  /** What snapshots show: the slots, those that are taken, and the counters. */
  [PLUGIN_STATE](): unknown {
    const { outbound, inbound, trusted } = this.#options;
    return { slots: { outbound, inbound, trusted: trusted.length }, ...this.status };
  }

  /** Whether it wants more connections than it has and dials for. */
  get hasSlot(): boolean {
    const dialled = [...this.#dials.values()].filter(
      ({ purpose }) => purpose === 'slot' || purpose === 'anchor',
    );
    return this.#seats.outbound().length + dialled.length < this.#options.outbound;
  }

  /**
   * Changes what is thought of a peer, by `delta`, and ends its connection where the score falls below `minScore`. Returns the score.
   *
   * note: an address whose connection ended for its score counts as one that failed.
   * note: a trusted peer keeps its connection.
   */
  adjust(connection: Connection, delta: number): number {
    const seat = this.#seats.get(connection);
    if (seat === undefined) return 0;
    seat.score += delta;
    if (seat.score < this.#options.minScore && !seat.isTrusted && connection.state === 'open') {
      this.#counts.pruned++;
      const why = networkError('P2P_ERR_LOW_SCORE', `the score of ${connection.address} is ${seat.score}`);
      void connection.disconnect(why);
    }
    return seat.score;
  }

  /** What is thought of a peer; 0 where it is not connected. */
  scoreOf(connection: Connection): number {
    return this.#seats.get(connection)?.score ?? 0;
  }

  /** Dials. */
  onStart(): void {
    this.#isRunning = true;
    this.#anchors = this.#book.anchors.slice(0, this.#options.anchors);
    // Before the `onStop` hooks of others, which may take long: nothing must be dialled meanwhile.
    this.#node.signal.addEventListener('abort', () => this.onStop(), { once: true });
    this.#fill();
    this.#awaitFeeler();
  }

  /** Stops dialling, for good. */
  onStop(): void {
    this.#isRunning = false;
    this.#look?.cancel();
    this.#feeler?.cancel();
    this.#inboundSlots.stop();
  }

  /** Gives the connection a slot; where too many have dialled in, one goes. */
  onConnect(connection: Connection): void {
    const seat = this.#seats.take(connection, this.#nowMs());
    if (connection.direction === 'inbound') {
      seat.isTrusted = this.#isTrusted(connection);
      this.#inboundSlots.check();
    }
  }

  /** Gives its slot to another one. */
  onDisconnect(connection: Connection, reason: DisconnectReason): void {
    const seat = this.#seats.leave(connection);
    if (seat === undefined || !this.#isRunning) return;
    if (connection.direction === 'outbound' && !seat.isFeeler) this.#onEnded(seat, reason);
    this.#noteAnchors();
    this.#fill();
  }

  #onEnded(seat: Seat, reason: DisconnectReason): void {
    const peer = peerOf(seat);
    const isPruned =
      reason.origin === 'user' && reason.error !== undefined && MISBEHAVED.has(reason.error.code);
    const isBrief = this.#nowMs() - seat.sinceMs < this.#options.stableAfterMs;
    if (!isBrief && !isPruned) this.#resting.forget(peer);
    // One that has no slot for us is there all the same.
    const isFull = goodbyeOf(seat.connection)?.code === 'P2P_ERR_NO_SLOT';
    if (isPruned || (isBrief && !isFull && faultOfEnd(reason) === 'theirs')) this.#book.book.failed(peer);
    this.#resting.add(peer);
  }

  #isTrusted({ identity, address }: Connection): boolean {
    return this.#options.trusted.some((peer) =>
      peer.identity === undefined
        ? peer.address.toString() === address.toString()
        : peer.identity === identity,
    );
  }

  /** Dials as many addresses as there are slots, and looks again later where no address will do. */
  #fill(): void {
    if (!this.#isRunning) return;
    this.#look?.cancel();
    this.#look = undefined;
    const { maxConcurrentDials, trusted } = this.#options;
    for (const peer of trusted) {
      if (this.#dials.size < maxConcurrentDials && this.#isFree(peer)) this.#dial(peer, 'trusted');
    }
    while (this.#anchors.length > 0 && this.#dials.size < maxConcurrentDials && this.hasSlot) {
      const anchor = this.#anchors.shift()!;
      if (this.#isFree(anchor)) this.#dial(anchor, 'anchor');
    }
    while (this.#dials.size < maxConcurrentDials && this.hasSlot) {
      const next = this.#book.book.pick({ accept: (known) => this.#suits(known) });
      if (next === undefined) break;
      this.#dial(next.address, 'slot');
    }
    if (!this.#isContent) this.#lookAgain();
  }

  #lookAgain(): void {
    const { clock } = this.#node.config;
    const delayMs = this.#jittered(this.#options.lookAgainMs);
    this.#look = clock.setTimeout(() => this.#fill(), delayMs);
  }

  /** Whether nothing is left to be dialled, or enough is under way. */
  get #isContent(): boolean {
    return (
      !this.hasSlot && this.#options.trusted.every((peer) => this.#isConnected(peer) || this.#isDialled(peer))
    );
  }

  /** Whether a slot may go to an address: nobody of its group has one. */
  #suits({ address, group }: KnownAddress): boolean {
    if (!this.#isFree(address)) return false;
    if (group === LOCAL_GROUP) return true;
    const taken = [...this.#seats.outbound(), ...this.#dials.values()];
    return taken.filter((other) => other.group === group).length < this.#options.perGroup;
  }

  /** Whether an address is neither connected, nor dialled, nor resting. */
  #isFree(peer: PeerAddress): boolean {
    return !this.#isConnected(peer) && !this.#isDialled(peer) && !this.#resting.has(peer);
  }

  #isDialled(peer: PeerAddress): boolean {
    return this.#dials.has(peer.address.toString());
  }

  #isConnected(peer: PeerAddress): boolean {
    const place = peer.address.toString();
    return this.#seats
      .all()
      .some(
        (seat) =>
          (peer.identity !== undefined && seat.connection.identity === peer.identity) ||
          [seat.connection.address, seat.peer?.address].some((address) => address?.toString() === place),
      );
  }

  #dial(peer: PeerAddress, purpose: Purpose): void {
    const key = peer.address.toString();
    this.#dials.set(key, { peer, group: groupOf(peer.address), purpose });
    this.#counts.dials++;
    if (purpose === 'feeler') this.#counts.feelers++;
    this.#book.book.attempted(peer);
    connectPeer(this.#node, peer).then(
      (connection) => {
        this.#dials.delete(key);
        this.#onReached(connection, peer, purpose);
      },
      (error: unknown) => {
        this.#dials.delete(key);
        this.#onFailed(peer, error);
      },
    );
  }

  #onReached(connection: Connection, peer: PeerAddress, purpose: Purpose): void {
    const { book } = this.#book;
    const proved = new PeerAddress(peer.address, connection.identity);
    if (peer.identity === undefined && proved.identity !== undefined) book.remove(peer);
    book.succeeded(proved);
    const seat = this.#seats.get(connection);
    if (seat !== undefined) {
      seat.peer = proved;
      seat.isTrusted = purpose === 'trusted';
      seat.isFeeler = purpose === 'feeler' && !this.hasSlot;
      if (seat.isFeeler) void connection.disconnect('it was dialled to see who is there');
    }
    this.#noteAnchors();
    this.#fill();
  }

  #onFailed(peer: PeerAddress, error: unknown): void {
    this.#counts.failures++;
    const { book } = this.#book;
    const fault = faultOfDial(error);
    if (PeerError.is(error, 'P2P_ERR_SELF_CONNECT')) book.remove(peer);
    else if (fault === 'theirs' && !PeerError.is(error, 'P2P_ERR_ALREADY_CONNECTED')) book.failed(peer);
    this.#resting.add(peer);
    this.#fill();
  }

  #awaitFeeler(): void {
    const { feelerEveryMs } = this.#options;
    if (feelerEveryMs === 0 || !this.#isRunning) return;
    const { clock } = this.#node.config;
    this.#feeler = clock.setTimeout(
      () => {
        this.#feel();
        this.#awaitFeeler();
      },
      this.#jittered(feelerEveryMs),
      { keepsAlive: false },
    );
  }

  /** Tries an address that a slot depends on, or one that nobody has tried. */
  #feel(): void {
    const { book } = this.#book;
    const contested = book.contested().find(({ address }) => this.#isFree(address));
    const next = contested ?? book.pick({ from: 'told', accept: ({ address }) => this.#isFree(address) });
    if (next !== undefined) this.#dial(next.address, 'feeler');
  }

  /** The oldest connections that it has dialled, for the next start. */
  #noteAnchors(): void {
    const oldest = this.#seats.outbound().slice(0, this.#options.anchors);
    this.#book.anchors = oldest.map(peerOf);
  }

  #jittered(delayMs: number): number {
    return Math.ceil(delayMs * (1 - 0.5 * this.#node.config.random.next()));
  }

  get #book() {
    return this.#node.plugin(addressBook);
  }

  #nowMs(): number {
    return this.#node.config.clock.now();
  }
}

/** Its name, where it was dialled by one: an address that was resolved may be another one tomorrow. */
function peerOf({ peer, connection }: Seat): PeerAddress {
  return peer ?? new PeerAddress(connection.address, connection.identity);
}

/**
 * Lists {@link ConnectionManager} among the plugins of a node or a peer.
 *
 * ```ts
 * node.use(noise({ pattern, staticKey })).use(addressBook({ store, seeds })).use(connectionManager({ outbound: 8 }));
 * ```
 */
export const connectionManager = definePlugin(ConnectionManager);
