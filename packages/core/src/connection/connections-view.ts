import type { Connection } from '../contracts/connection.js';
import { SocketAddress, type AddressLike } from '../net/socket-address.js';
import type { PeerConnection } from './connection.js';
import type { ConnectionTable } from './connection-table.js';

/** The connections of a node that are active: open, or closing. */
export interface ConnectionsView<In, Out = In> extends Iterable<Connection<In, Out>> {
  /** How many there are. */
  readonly size: number;
  /** Whether there is one with `address`. @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
  has(address: AddressLike): boolean;
  /**
   * The one with `address`; undefined where there is none. Of several the oldest, which may be closing: see {@link all}.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  get(address: AddressLike): Connection<In, Out> | undefined;
  /**
   * Those with `address`, oldest first: more than one where connections were made with `parallel`.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  all(address: AddressLike): readonly Connection<In, Out>[];
}

/** The table of a node, as users see it. */
export class TableView<In, Out> implements ConnectionsView<In, Out> {
  readonly #table: ConnectionTable<PeerConnection>;

  constructor(table: ConnectionTable<PeerConnection>) {
    this.#table = table;
  }

  get size(): number {
    return this.#table.active;
  }

  has(address: AddressLike): boolean {
    return this.#table.get(SocketAddress.from(address)) !== undefined;
  }

  get(address: AddressLike): Connection<In, Out> | undefined {
    return this.#table.get(SocketAddress.from(address)) as Connection<unknown> as
      Connection<In, Out> | undefined;
  }

  all(address: AddressLike): readonly Connection<In, Out>[] {
    return this.#table.all(SocketAddress.from(address)) as Connection<unknown>[] as Connection<In, Out>[];
  }

  [Symbol.iterator](): Iterator<Connection<In, Out>> {
    return this.#table[Symbol.iterator]() as Iterator<Connection<unknown>> as Iterator<Connection<In, Out>>;
  }
}
