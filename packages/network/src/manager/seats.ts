import type { Connection } from '@pea2pea/core';
import { BRIEF } from '../shared/brief.js';
import { groupOf, LOCAL_GROUP } from '../shared/groups.js';
import type { PeerAddress } from '../shared/peer-address.js';

/** A connection that is open, as its manager sees it. */
export interface Seat {
  readonly connection: Connection;
  /** The address that was dialled, with the identity that was proven; undefined for those that dialled in. */
  peer: PeerAddress | undefined;
  /** {@link groupOf} its address. */
  readonly group: string;
  /** When it opened, on the monotonic clock. */
  readonly sinceMs: number;
  /** Whether it takes no slot: it was only dialled to see who is there, or to ask something, and is ended then. */
  isFeeler: boolean;
  /** Whether it is never ended for others. */
  isTrusted: boolean;
  /** What other parts of the program think of it; 0 at first. */
  score: number;
}

/** The connections of a node, oldest first. */
export class Seats {
  readonly #seats = new Map<Connection, Seat>();

  /** A connection is open. */
  take(connection: Connection, sinceMs: number): Seat {
    const seat: Seat = {
      connection,
      peer: undefined,
      group: groupOf(connection.address),
      sinceMs,
      isFeeler: connection.context.has(BRIEF),
      isTrusted: false,
      score: 0,
    };
    this.#seats.set(connection, seat);
    return seat;
  }

  /** A connection has ended. */
  leave(connection: Connection): Seat | undefined {
    const seat = this.#seats.get(connection);
    this.#seats.delete(connection);
    return seat;
  }

  get(connection: Connection): Seat | undefined {
    return this.#seats.get(connection);
  }

  /** All of them, oldest first. */
  all(): Seat[] {
    return [...this.#seats.values()];
  }

  /** Those that this node has dialled to keep, without those it trusts. */
  outbound(): Seat[] {
    return this.all().filter(
      ({ connection, isFeeler, isTrusted }) => connection.direction === 'outbound' && !isFeeler && !isTrusted,
    );
  }

  /** Those that dialled in, without those that are about to end. */
  inbound(): Seat[] {
    return this.all().filter(
      ({ connection }) => connection.direction === 'inbound' && connection.state === 'open',
    );
  }

  /**
   * Who has to go where too many have dialled in: of the largest group, so that many addresses of one party go first; in it the one
   * with the lowest score, then the youngest. Of groups that are equally large, the one whose candidate is the youngest: whoever
   * comes late drives out nobody who came from elsewhere.
   */
  worst(isProtected: (seat: Seat) => boolean): Seat | undefined {
    const byGroup = new Map<string, Seat[]>();
    for (const seat of this.inbound()) {
      // Neighbours are told apart by their addresses.
      const group = seat.group === LOCAL_GROUP ? seat.connection.address.host : seat.group;
      byGroup.set(group, [...(byGroup.get(group) ?? []), seat]);
    }
    let worst: { readonly size: number; readonly seat: Seat } | undefined;
    for (const seats of byGroup.values()) {
      const seat = worstOf(seats.filter((one) => !isProtected(one)));
      if (seat === undefined || seats.length < (worst?.size ?? 0)) continue;
      const isTie = worst?.size === seats.length;
      if (!isTie || isWorse(seat, worst!.seat)) worst = { size: seats.length, seat };
    }
    return worst?.seat;
  }
}

function worstOf(seats: readonly Seat[]): Seat | undefined {
  return seats.reduce<Seat | undefined>(
    (worst, seat) => (worst === undefined || isWorse(seat, worst) ? seat : worst),
    undefined,
  );
}

function isWorse(seat: Seat, other: Seat): boolean {
  return seat.score === other.score ? seat.sinceMs >= other.sinceMs : seat.score < other.score;
}
