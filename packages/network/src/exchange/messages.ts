import { readData } from '@pea2pea/core/authoring';
import { PeerAddress } from '../shared/peer-address.js';

/** What peers tell each other, as JSON. */
export type ExchangeMessage =
  /** Where the sender listens, and where it sees the receiver; the first message of each side. */
  | { readonly type: 'hello'; readonly listens: readonly string[]; readonly sees: string }
  /** Asks for addresses, at most `limit`. */
  | { readonly type: 'want'; readonly limit: number }
  /** Addresses, each with how many seconds ago somebody was there. */
  | { readonly type: 'peers'; readonly peers: readonly (readonly [address: string, ageSeconds: number])[] };

/** As many places as one peer may listen at. */
export const MAX_LISTENS = 8;
/** As many addresses as fit in one message. */
export const MAX_PEERS = 256;

/** A message of a peer that is well-formed; undefined for everything else. The addresses in it are not checked yet. */
export function readMessage(value: unknown): ExchangeMessage | undefined {
  const type = readData(value, 'type');
  if (type === 'hello') {
    const [listens, sees] = [readData(value, 'listens'), readData(value, 'sees')];
    const isWell = isList(listens, MAX_LISTENS) && listens.every(isString) && isString(sees);
    return isWell ? { type, listens: listens, sees: sees } : undefined;
  }
  if (type === 'want') {
    const limit = readData(value, 'limit');
    return Number.isSafeInteger(limit) && Number(limit) >= 0 ? { type, limit: Number(limit) } : undefined;
  }
  if (type !== 'peers') return undefined;
  const peers = readData(value, 'peers');
  return isList(peers, MAX_PEERS) && peers.every(isPeer) ? { type, peers: peers } : undefined;
}

/** An address of a peer, or undefined where it is not one. */
export function readAddress(text: string): PeerAddress | undefined {
  try {
    const peer = PeerAddress.from(text);
    return peer.address.port === 0 || peer.address.isWildcard ? undefined : peer;
  } catch {
    return undefined;
  }
}

function isList(value: unknown, limit: number): value is unknown[] {
  return Array.isArray(value) && value.length <= limit;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isPeer(value: unknown): value is [string, number] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    isString(value[0]) &&
    typeof value[1] === 'number' &&
    value[1] >= 0
  );
}
