import type { Connection, PeerNode } from '@pea2pea/core';
import { BoundedMap } from '@pea2pea/core/authoring';
import { faultOfDial } from '@pea2pea/policies';
import { RequestError, type Method, type Requests } from '@pea2pea/rpc';
import type { PeerAddress } from '../shared/peer-address.js';
import { contactOf, type Contact } from './contact.js';
import type { Courier } from './courier.js';
import { sharedBits } from './id.js';
import { PING } from './messages.js';
import type { ResolvedKademliaOptions } from './options.js';
import { RoutingTable, type Entry } from './routing-table.js';

/** For how long a contact that could not be reached is not asked again. */
const REST_MS = 60_000;
/** As many are remembered. */
const MAX_RESTING = 4_096;
/** Contacts that are looked after at once, and that wait for it. */
const MAX_CHECKS = 4;
const MAX_WAITING_CHECKS = 64;

export interface NeighbourhoodContext {
  readonly node: PeerNode<unknown>;
  readonly options: ResolvedKademliaOptions;
  readonly courier: Courier;
  readonly requests: Requests;
  readonly self: Buffer;
  addressOf(connection: Connection): PeerAddress | undefined;
}

/**
 * The routing table, and what keeps it true: whoever this node is connected with gets in, whoever cannot be reached gets out, and those
 * that say themselves where they listen are dialled before others are told of them, or while they are connected.
 */
export class Neighbourhood {
  readonly self: Buffer;
  readonly table: RoutingTable;
  readonly #context: NeighbourhoodContext;
  readonly #resting = new BoundedMap<number>({
    maxEntries: MAX_RESTING,
    isOver: (untilMs, nowMs) => untilMs <= nowMs,
  });
  readonly #toCheck: Contact[] = [];
  /** Identities of those, and of contacts that are being asked. */
  readonly #isChecked = new Set<string>();
  #checking = 0;

  constructor(context: NeighbourhoodContext) {
    this.#context = context;
    this.self = context.self;
    const { k, perGroup } = context.options;
    this.table = new RoutingTable(context.self, { k, perGroup });
  }

  /** Whether this node can be dialled, as far as it knows: only then others store at it. */
  get listens(): boolean {
    return this.#context.node.listening.length > 0 || this.#context.options.addresses.length > 0;
  }

  /** A connection with a peer is open, or has just carried a reply. */
  opened(connection: Connection): void {
    const peer = this.#context.addressOf(connection);
    const contact = peer === undefined ? undefined : contactOf(peer);
    if (contact === undefined) return;
    this.#resting.delete(contact.identity);
    const isDialled = connection.direction === 'outbound';
    const seen = this.table.seen({ contact, seenMs: this.#nowMs(), isDialled });
    // If the one that was seen longest ago is gone, a spare gets its place.
    if (seen === 'spare') this.checkOldest(sharedBits(this.self, contact.id), 1);
  }

  /** A connection has ended: its peer said itself where it listens, and nobody has tried. */
  closed({ identity }: Connection): void {
    const entry = identity === undefined ? undefined : this.table.get(identity);
    if (entry !== undefined) this.#prove(entry);
  }

  /** Asks as many of the contacts in a bucket that were not seen for long whether they are there. */
  checkOldest(bits: number, count: number): void {
    const sinceMs = this.#nowMs() - this.#context.options.refreshEveryMs / 2;
    for (const { contact, seenMs } of this.table.bucket(bits).slice(0, count)) {
      if (seenMs < sinceMs) this.#check(contact);
    }
  }

  /** Dials those that nobody has tried, and that are not connected. */
  checkUnproven(): void {
    for (const entry of [...this.table.entries()]) this.#prove(entry);
  }

  /** Whether a contact could not be reached a moment ago. */
  isResting(identity: string): boolean {
    return this.#resting.get(identity, this.#nowMs()) !== undefined;
  }

  /** The contacts closest to a target that others may be told. */
  told(target: Buffer): Contact[] {
    return this.table.closest(target, this.#context.options.k, (entry) => !this.#isUnproven(entry));
  }

  /**
   * Calls a method of a contact. What it is worth as a contact is noted, however it ends.
   *
   * @throws {PeerError} what `Courier.use` and `Requests.call` reject with
   */
  async query<Result, Params extends object>(
    contact: Contact,
    method: Method<unknown, Result, Params>,
    params: Params,
  ): Promise<Result> {
    try {
      return await this.ask(contact.peer, (connection, timeoutMs) =>
        this.#context.requests.call(connection, method, params, { timeoutMs }),
      );
    } catch (error) {
      this.#failed(contact, error);
      throw error;
    }
  }

  /** Has work done with a connection with a peer, who is a contact when it is done. @throws {PeerError} as {@link query} */
  ask<T>(peer: PeerAddress, work: (connection: Connection, timeoutMs: number) => Promise<T>): Promise<T> {
    return this.#context.courier.use(peer, async (connection, timeoutMs) => {
      const result = await work(connection, timeoutMs);
      this.opened(connection);
      return result;
    });
  }

  /** Whether a peer is there. Never rejects. */
  async ping(peer: PeerAddress): Promise<boolean> {
    try {
      await this.ask(peer, (connection, timeoutMs) =>
        this.#context.requests.call(connection, PING, undefined, { timeoutMs }),
      );
      return true;
    } catch (error) {
      const contact = contactOf(peer);
      if (contact !== undefined) this.#failed(contact, error);
      return false;
    }
  }

  #failed(contact: Contact, error: unknown): void {
    // One that refuses is there; where the fault is on this side, nothing is known.
    if (RequestError.is(error) || faultOfDial(error) === 'ours' || this.#context.node.signal.aborted) return;
    const nowMs = this.#nowMs();
    this.#resting.set(contact.identity, nowMs + REST_MS, nowMs);
    // Whoever got its place may be gone, too.
    if (this.table.gone(contact)) this.checkOldest(sharedBits(this.self, contact.id), 1);
  }

  /** Dials one that nobody has tried, where its bucket needs it: a full one with many that were dialled can wait. */
  #prove(entry: Entry): void {
    if (!this.#isUnproven(entry)) return;
    const { k } = this.#context.options;
    const bucket = this.table.bucket(sharedBits(this.self, entry.contact.id));
    const proven = bucket.filter(({ isDialled }) => isDialled).length;
    if (bucket.length < k || proven < k / 2) this.#check(entry.contact);
  }

  #isUnproven({ contact, isDialled }: Entry): boolean {
    return !isDialled && this.#context.courier.with(contact.identity) === undefined;
  }

  /** Asks a contact whether it is there, soon. */
  #check(contact: Contact): void {
    if (this.#isChecked.has(contact.identity) || this.#toCheck.length >= MAX_WAITING_CHECKS) return;
    this.#isChecked.add(contact.identity);
    this.#toCheck.push(contact);
    if (this.#checking < MAX_CHECKS) void this.#checkAll();
  }

  async #checkAll(): Promise<void> {
    this.#checking++;
    for (let next = this.#toCheck.shift(); next !== undefined; next = this.#toCheck.shift()) {
      await this.ping(next.peer);
      this.#isChecked.delete(next.identity);
    }
    this.#checking--;
  }

  #nowMs(): number {
    return this.#context.node.config.clock.now();
  }
}
