import type { SocketAddress } from '../net/socket-address.js';
import type { Direction } from '../contracts/direction.js';
import type { PeerErrorCode } from '../errors/error-table.js';
import { setupsKeptForOthers } from '../contracts/config.js';
import { SlotsByAddress } from './slots-by-address.js';

/** The limits that the table keeps. */
export interface TableLimits {
  readonly maxConnections: number;
  readonly maxInbound: number;
  readonly maxConnectionsPerIp: number;
  readonly ipv6PrefixLength: number;
  readonly maxConnecting: number;
  readonly maxConnectingPerIp: number;
}

/** What one address group holds. */
interface Group {
  /** Connections and setups, both directions; a dial counts once, however many addresses of the group it has taken. */
  taken: number;
  /** Inbound peers that are being set up. */
  inboundSetups: number;
}

/**
 * Who is connected or about to be: the one place that counts, so that a limit cannot be exceeded.
 *
 * ```text
 *   reserve --> connecting --activate--> active
 *                   |                      |
 *                   +------ release -------+--> gone
 * ```
 *
 * INVARIANT: reserve-once. Checking and reserving happen without an `await` in between, and a slot
 * is released exactly once.
 *
 * INVARIANT: fair-shares. Inbound peers never take the slots and setups that are kept for dials, those of one address
 * group no more than its share of the setups, and dials not the setups that are kept for inbound peers.
 */
export class ConnectionTable<C> {
  readonly #limits: TableLimits;
  /** How many setups of one direction there may be. */
  readonly #maxOfOneDirection: number;
  /** By address. A dial of several addresses has its slot here once for each. */
  readonly #slots = new SlotsByAddress<Slot<C>>();
  readonly #groups = new Map<string, Group>();
  #size = 0;
  #inbound = 0;
  #connecting = 0;
  #inboundSetups = 0;
  #closed = false;
  #refusesInbound = false;
  /** Whether inbound peers may come: dials leave some setups to them then. */
  acceptsInbound = false;
  /** Called when a setup slot became free, with the address group whose inbound setup ended, if it was one. */
  onSetupSlotFree: (group: string | undefined) => void = () => {};

  constructor(limits: TableLimits) {
    this.#limits = limits;
    this.#maxOfOneDirection = limits.maxConnecting - setupsKeptForOthers(limits.maxConnecting);
  }

  /** Connections being set up, both directions. */
  get connecting(): number {
    return this.#connecting;
  }

  /** What inbound peers hold, setups included. */
  get inbound(): number {
    return this.#inbound;
  }

  /** Connections that are active: open or closing. */
  get active(): number {
    return this.#size - this.#connecting;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** From now on no inbound peer is let in; those being set up are. */
  refuseInbound(): void {
    this.#refusesInbound = true;
  }

  /** From now on nothing is reserved and nothing becomes active. */
  close(): void {
    this.#closed = true;
  }

  groupOf(address: SocketAddress): string {
    return address.limitGroup(this.#limits.ipv6PrefixLength);
  }

  /** Whether one more inbound peer could be set up, its address aside. */
  get hasInboundSetup(): boolean {
    return this.#connecting < this.#limits.maxConnecting && this.#inboundSetups < this.#maxOfOneDirection;
  }

  get #hasOutboundSetup(): boolean {
    const { maxConnecting } = this.#limits;
    if (this.#connecting >= maxConnecting) return false;
    return !this.acceptsInbound || this.#connecting - this.#inboundSetups < this.#maxOfOneDirection;
  }

  /** Whether the address group has less than its share of the setups. */
  hasSetupShare(group: string): boolean {
    return (this.#groups.get(group)?.inboundSetups ?? 0) < this.#limits.maxConnectingPerIp;
  }

  /**
   * Why `address` could not be reserved now, the setup budgets aside; undefined where it could.
   *
   * @param isParallel whether it may stand beside others with the address
   */
  refusal(address: SocketAddress, direction: Direction, isParallel = false): PeerErrorCode | undefined {
    if (this.#closed || (this.#refusesInbound && direction === 'inbound')) return 'P2P_ERR_SHUTTING_DOWN';
    const taken = isParallel ? undefined : this.#duplicate(address);
    if (taken !== undefined) return taken;
    if (this.#size >= this.#limits.maxConnections) return 'P2P_ERR_TOO_MANY_CONNECTIONS';
    if (direction === 'inbound' && this.#inbound >= this.#limits.maxInbound)
      return 'P2P_ERR_TOO_MANY_INBOUND';
    return this.#isGroupFull(address, this.groupOf(address))
      ? 'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP'
      : undefined;
  }

  /** A slot for `address`, or why there is none. */
  reserve(address: SocketAddress, direction: Direction, isParallel = false): Slot<C> | PeerErrorCode {
    const refusal = this.refusal(address, direction, isParallel);
    if (refusal !== undefined) return refusal;
    const group = this.groupOf(address);
    const hasRoom =
      direction === 'outbound' ? this.#hasOutboundSetup : this.hasInboundSetup && this.hasSetupShare(group);
    if (!hasRoom) return 'P2P_ERR_TOO_MANY_CONNECTING';
    const slot = new Slot<C>(this, { key: address.toString(), group }, direction, isParallel);
    this.#slots.add(slot.place.key, slot);
    this.#join(group);
    this.#size++;
    this.#connecting++;
    if (direction === 'inbound') {
      this.#inbound++;
      this.#inboundSetups++;
      this.#groups.get(group)!.inboundSetups++;
    }
    return slot;
  }

  /**
   * Takes one more address for a dial that has its slot: it stays one connection and one setup. Undefined where that
   * went well, else why not.
   */
  claim(slot: Slot<C>, address: SocketAddress): PeerErrorCode | undefined {
    if (this.#closed) return 'P2P_ERR_SHUTTING_DOWN';
    const key = address.toString();
    if (this.#slots.has(key, slot)) return undefined;
    const group = this.groupOf(address);
    const taken = slot.isParallel ? undefined : this.#duplicate(address);
    if (taken !== undefined) return taken;
    if (!slot.isIn(group)) {
      if (this.#isGroupFull(address, group)) return 'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP';
      this.#join(group);
    }
    this.#slots.add(key, slot);
    (slot.others ??= []).push({ key, group });
    return undefined;
  }

  /** Keeps `address` of those that a dial took, and gives the others back. */
  settle(slot: Slot<C>, address: SocketAddress): void {
    const kept = address.toString();
    const place = slot.others?.findIndex(({ key }) => key === kept) ?? -1;
    if (place !== -1) [slot.place, slot.others![place]] = [slot.others![place]!, slot.place];
    this.#giveBackOthers(slot);
  }

  /** INVARIANT: closed-admits-nobody. */
  activate(slot: Slot<C>, connection: C): boolean {
    if (this.#closed || !this.#slots.has(slot.place.key, slot) || slot.connection !== undefined) return false;
    slot.connection = connection;
    this.#setupEnded(slot);
    return true;
  }

  /** INVARIANT: no-stale-release. Harmless when done twice, or when the address has a newer slot. */
  release(slot: Slot<C>): void {
    if (!this.#slots.has(slot.place.key, slot)) return;
    this.#giveBackOthers(slot);
    this.#slots.delete(slot.place.key, slot);
    this.#leave(slot.place.group);
    this.#size--;
    if (slot.direction === 'inbound') this.#inbound--;
    if (slot.connection === undefined) this.#setupEnded(slot);
  }

  /** The active connection with the peer at `address`: of several, the oldest. */
  get(address: SocketAddress): C | undefined {
    const key = address.toString();
    return this.#slots.first(key)?.connection ?? connectionsOf(this.#slots.all(key))[0];
  }

  /** The active connections with `address`, oldest first. */
  all(address: SocketAddress): C[] {
    return connectionsOf(this.#slots.all(address.toString()));
  }

  isConnecting(address: SocketAddress): boolean {
    for (const { connection } of this.#slots.all(address.toString())) {
      if (connection === undefined) return true;
    }
    return false;
  }

  /** The active connections, by address: oldest first, and those of one address together. */
  *[Symbol.iterator](): IterableIterator<C> {
    for (const { connection } of this.#slots) {
      if (connection !== undefined) yield connection;
    }
  }

  #duplicate(address: SocketAddress): PeerErrorCode | undefined {
    if (this.#slots.first(address.toString()) === undefined) return undefined;
    return this.get(address) === undefined ? 'P2P_ERR_ALREADY_CONNECTING' : 'P2P_ERR_ALREADY_CONNECTED';
  }

  /** A path has no IP address, and no limit per IP address. */
  #isGroupFull({ path }: SocketAddress, group: string): boolean {
    return path === undefined && (this.#groups.get(group)?.taken ?? 0) >= this.#limits.maxConnectionsPerIp;
  }

  #join(group: string): void {
    const counts = this.#groups.get(group);
    if (counts === undefined) this.#groups.set(group, { taken: 1, inboundSetups: 0 });
    else counts.taken++;
  }

  #leave(group: string): void {
    const counts = this.#groups.get(group)!;
    counts.taken--;
    this.#forgetIfEmpty(group, counts);
  }

  #giveBackOthers(slot: Slot<C>): void {
    const { others } = slot;
    if (others === undefined) return;
    slot.others = undefined;
    for (const { key } of others) this.#slots.delete(key, slot);
    for (const group of new Set(others.map(({ group }) => group))) {
      if (!slot.isIn(group)) this.#leave(group);
    }
  }

  #setupEnded({ direction, place: { group } }: Slot<C>): void {
    this.#connecting--;
    if (direction === 'inbound') {
      this.#inboundSetups--;
      const counts = this.#groups.get(group)!;
      counts.inboundSetups--;
      this.#forgetIfEmpty(group, counts);
    }
    this.onSetupSlotFree(direction === 'inbound' ? group : undefined);
  }

  #forgetIfEmpty(group: string, { taken, inboundSetups }: Group): void {
    if (taken === 0 && inboundSetups === 0) this.#groups.delete(group);
  }
}

function connectionsOf<C>(slots: Iterable<Slot<C>>): C[] {
  const connections: C[] = [];
  for (const { connection } of slots) if (connection !== undefined) connections.push(connection);
  return connections;
}

/** An address that is taken, and the group that it counts in. */
interface Place {
  readonly key: string;
  readonly group: string;
}

/** A place in the table, held by one setup or one connection. */
export class Slot<C> {
  readonly direction: Direction;
  /** Whether it may stand beside others with its address. */
  readonly isParallel: boolean;
  readonly #table: ConnectionTable<C>;
  /** The address that it is held under. The table's alone to change. */
  place: Place;
  /** Further addresses, while it is a dial of several. */
  others: Place[] | undefined;
  /** Set once, when the connection becomes active. */
  connection: C | undefined;

  constructor(table: ConnectionTable<C>, place: Place, direction: Direction, isParallel: boolean) {
    this.#table = table;
    this.place = place;
    this.direction = direction;
    this.isParallel = isParallel;
  }

  /** Whether it holds an address of the group. */
  isIn(group: string): boolean {
    return this.place.group === group || this.others?.some((other) => other.group === group) === true;
  }

  /** Makes the connection active; false when the node began to close, and then the slot must be released. */
  activate(connection: C): boolean {
    return this.#table.activate(this, connection);
  }

  /** See {@link ConnectionTable.claim}. */
  claim(address: SocketAddress): PeerErrorCode | undefined {
    return this.#table.claim(this, address);
  }

  /** See {@link ConnectionTable.settle}. */
  settle(address: SocketAddress): void {
    this.#table.settle(this, address);
  }

  release(): void {
    this.#table.release(this);
  }
}
