import { PeerAddress, type PeerAddressLike } from '../shared/peer-address.js';

/** Where addresses come from: a list, a name, or whatever yours asks. */
export interface DiscoverySource {
  /** Names it in logs and snapshots. All that it tells is one source of the address book, which gives it a sixteenth of the slots for what was told. */
  readonly name: string;
  /** `'configured'` where this node's owner wrote the addresses: each then counts as told by itself, as seeds do. @default 'discovered' */
  readonly kind?: 'configured' | 'discovered';
  /** Whether addresses of local networks are taken. @default true */
  readonly local?: boolean;
  /**
   * Looks for addresses. What it returns that is not the address of a peer is ignored, and counted.
   *
   * note: `signal` is aborted when `timeoutMs` is over, or the node stops. A source is not asked again before it has settled.
   */
  find(signal: AbortSignal): readonly PeerAddressLike[] | PromiseLike<readonly PeerAddressLike[]>;
}

/**
 * Addresses that are always there.
 *
 * note: seeds of `addressBook` are added once; these are added again as long as the book is poor.
 * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
 */
export function listed(addresses: readonly PeerAddressLike[], name = 'list'): DiscoverySource {
  const peers = addresses.map((address) => PeerAddress.from(address));
  return { name, kind: 'configured', find: () => peers };
}
