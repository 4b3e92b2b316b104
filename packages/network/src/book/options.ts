import type { Clock, Random } from '@pea2pea/core';
import { requireInteger, requireKnown, requireMethods, requireString } from '@pea2pea/core/authoring';

/** Every option of an address book that has a default, with it. */
export const ADDRESS_BOOK_DEFAULTS = { toldBuckets: 256, provenBuckets: 64 } as const;

/** Options of an {@link AddressBook}. */
export interface AddressBookOptions {
  /** The time: `node.config.clock`. */
  readonly clock: Clock;
  /** What picks and shuffles: `node.config.random`. */
  readonly random: Random;
  /**
   * Where addresses are put depends on it, so that nobody outside can drive out those of others. The book keeps it in its
   * data, and takes it from there.
   * @default 256 random bits of `node:crypto`
   */
  readonly secret?: string;
  /** Buckets of 64 for addresses that were told: an integer from 16 to 65536. @default 256: 16 384 addresses */
  readonly toldBuckets?: number;
  /** Buckets of 64 for addresses at which a peer was reached: an integer from 4 to 65536. @default 64: 4096 addresses */
  readonly provenBuckets?: number;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function checkBookOptions(options: AddressBookOptions): void {
  const known = [...Object.keys(ADDRESS_BOOK_DEFAULTS), 'clock', 'random', 'secret'];
  requireKnown('the options of an address book', options, known);
  requireMethods('clock', options.clock, ['date']);
  requireMethods('random', options.random, ['next']);
  if (options.secret !== undefined) requireString('secret', options.secret, { min: 16 });
  const { toldBuckets, provenBuckets } = { ...ADDRESS_BOOK_DEFAULTS, ...options };
  requireInteger('toldBuckets', toldBuckets, { min: 16, max: 65_536 });
  requireInteger('provenBuckets', provenBuckets, { min: 4, max: 65_536 });
}
