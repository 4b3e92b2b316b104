import { LOCAL_GROUP, groupOf } from '../shared/groups.js';
import type { PeerAddress } from '../shared/peer-address.js';
import { nodeIdOf } from './id.js';

/** A node of the network: who it is, where it can be dialled, and its place among all ids. */
export interface Contact {
  readonly id: Buffer;
  readonly identity: string;
  /** With the identity: whoever else is there is not reached. */
  readonly peer: PeerAddress;
  /** {@link groupOf} its address. */
  readonly group: string;
}

/** A contact of an address with an identity; undefined for one without. */
export function contactOf(peer: PeerAddress): Contact | undefined {
  const { identity, address } = peer;
  if (identity === undefined) return undefined;
  return { id: nodeIdOf(identity), identity, peer, group: groupOf(address) };
}

/** Whether so many of a group are there that one more would give one party too much. Neighbours are not counted. */
export function isCrowded(group: string, others: Iterable<Contact>, limit: number): boolean {
  if (group === LOCAL_GROUP) return false;
  let count = 0;
  for (const other of others) if (other.group === group) count++;
  return count >= limit;
}
