import type { SocketAddress } from '../contracts/socket-address.js';
import type { PeerErrorCode } from '../contracts/errors.js';

/** The limits that the table keeps. */
export interface TableLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
  readonly ipv6PrefixLength: number;
  readonly maxConnecting: number;
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
 */
export class ConnectionTable<C> {
  readonly #limits: TableLimits;
  readonly #slots = new Map<string, Slot<C>>();
  readonly #groups = new Map<string, number>();
  #connecting = 0;
  #closed = false;
  /** Called when a setup slot became free. */
  onSetupSlotFree: () => void = () => {};

  constructor(limits: TableLimits) {
    this.#limits = limits;
  }

  /** Connections being set up, both directions. */
  get connecting(): number {
    return this.#connecting;
  }

  /** Connections that are active: open or closing. */
  get active(): number {
    return this.#slots.size - this.#connecting;
  }

  get setupBudgetIsSpent(): boolean {
    return this.#connecting >= this.#limits.maxConnecting;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** From now on nothing is reserved and nothing becomes active. */
  close(): void {
    this.#closed = true;
  }

  /** Why `address` could not be reserved now, the setup budget aside; undefined where it could. */
  refusal(address: SocketAddress): PeerErrorCode | undefined {
    if (this.#closed) return 'P2P_ERR_SHUTTING_DOWN';
    const taken = this.#slots.get(address.toString());
    if (taken !== undefined) {
      return taken.connection === undefined ? 'P2P_ERR_ALREADY_CONNECTING' : 'P2P_ERR_ALREADY_CONNECTED';
    }
    if (this.#slots.size >= this.#limits.maxConnections) return 'P2P_ERR_TOO_MANY_CONNECTIONS';
    const group = address.limitGroup(this.#limits.ipv6PrefixLength);
    if ((this.#groups.get(group) ?? 0) >= this.#limits.maxConnectionsPerIp) {
      return 'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP';
    }
    return undefined;
  }

  /** A slot for `address`, or why there is none. */
  reserve(address: SocketAddress): Slot<C> | PeerErrorCode {
    const refusal = this.refusal(address);
    if (refusal !== undefined) return refusal;
    if (this.setupBudgetIsSpent) return 'P2P_ERR_TOO_MANY_CONNECTING';
    const slot = new Slot<C>(this, address.toString(), address.limitGroup(this.#limits.ipv6PrefixLength));
    this.#slots.set(slot.key, slot);
    this.#groups.set(slot.group, (this.#groups.get(slot.group) ?? 0) + 1);
    this.#connecting++;
    return slot;
  }

  /** INVARIANT: closed-admits-nobody. */
  activate(slot: Slot<C>, connection: C): boolean {
    if (this.#closed || this.#slots.get(slot.key) !== slot || slot.connection !== undefined) return false;
    slot.connection = connection;
    this.#connecting--;
    this.onSetupSlotFree();
    return true;
  }

  /** INVARIANT: no-stale-release. Harmless when done twice, or when the address has a newer slot. */
  release(slot: Slot<C>): void {
    if (this.#slots.get(slot.key) !== slot) return;
    this.#slots.delete(slot.key);
    const left = this.#groups.get(slot.group)! - 1;
    if (left === 0) this.#groups.delete(slot.group);
    else this.#groups.set(slot.group, left);
    if (slot.connection === undefined) {
      this.#connecting--;
      this.onSetupSlotFree();
    }
  }

  /** The active connection with the peer at `address`. */
  get(address: SocketAddress): C | undefined {
    return this.#slots.get(address.toString())?.connection;
  }

  isConnecting(address: SocketAddress): boolean {
    const slot = this.#slots.get(address.toString());
    return slot !== undefined && slot.connection === undefined;
  }

  /** The active connections, oldest first. */
  *[Symbol.iterator](): IterableIterator<C> {
    for (const slot of this.#slots.values()) {
      if (slot.connection !== undefined) yield slot.connection;
    }
  }
}

/** A place in the table, held by one setup or one connection. */
export class Slot<C> {
  readonly key: string;
  readonly group: string;
  readonly #table: ConnectionTable<C>;
  /** Set once, when the connection becomes active. */
  connection: C | undefined;

  constructor(table: ConnectionTable<C>, key: string, group: string) {
    this.#table = table;
    this.key = key;
    this.group = group;
  }

  /** Makes the connection active; false when the node began to close, and then the slot must be released. */
  activate(connection: C): boolean {
    return this.#table.activate(this, connection);
  }

  release(): void {
    this.#table.release(this);
  }
}
