import type { Connection, NodeConfig } from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  MAX_TIMER_MS,
  requireFunction,
  requireInteger,
  requireKnown,
  requireNumber,
} from '@pea2pea/core/authoring';
import { PeerAddress, type PeerAddressLike } from '../shared/peer-address.js';

/** Every option of {@link connectionManager} that has a default, with it. Times are in milliseconds. */
export const CONNECTION_MANAGER_DEFAULTS = {
  outbound: 8,
  inbound: 32,
  guests: 8,
  guestMs: 2_000,
  perGroup: 1,
  maxConcurrentDials: 4,
  minDelayMs: 5_000,
  maxDelayMs: 60 * 60_000,
  lookAgainMs: 5_000,
  feelerEveryMs: 120_000,
  stableAfterMs: 10_000,
  anchors: 2,
  minScore: -100,
  trusted: [],
} as const;

/** Options of {@link connectionManager}. */
export interface ConnectionManagerOptions {
  /** How many connections this node dials and keeps: an integer of at least 0. @default 8 */
  readonly outbound?: number;
  /**
   * How many connections that others have dialled are kept: an integer of at least 0.
   *
   * note: slots are apart, so that nobody who dials in can keep this node from dialling out.
   * @default 32
   */
  readonly inbound?: number;
  /**
   * How many more may dial in for a moment, to ask for addresses, when all slots are taken: an integer of at least 0. Those that everybody
   * knows are always full.
   * @default 8
   */
  readonly guests?: number;
  /** How long that moment is, in milliseconds. @default 2000 */
  readonly guestMs?: number;
  /**
   * How many of the connections that this node dials may be of one group of addresses: an integer of at least 1. Addresses of the
   * local network do not count.
   * @default 1
   */
  readonly perGroup?: number;
  /** How many addresses are dialled at once: an integer of at least 1. @default 4 */
  readonly maxConcurrentDials?: number;
  /** The delay after the first failure of an address, in milliseconds, doubled with each one; half of it is random. @default 5000 */
  readonly minDelayMs?: number;
  /** The longest delay between two dials to an address, in milliseconds. @default 3600000: an hour */
  readonly maxDelayMs?: number;
  /** How long to wait where no address will do, in milliseconds; half of it is random. @default 5000 */
  readonly lookAgainMs?: number;
  /**
   * How often an address is tried that no connection is needed with, in milliseconds, so that the book knows who is there; half of it is random.
   * @default 120000; 0 for never
   */
  readonly feelerEveryMs?: number;
  /** How long a connection must last so that its end does not count as a failure of the address, in milliseconds. @default 10000 */
  readonly stableAfterMs?: number;
  /** How many of the oldest connections are dialled first after a restart: an integer from 0 to 16. @default 2 */
  readonly anchors?: number;
  /** A connection whose score falls below it is ended; {@link ConnectionManager.adjust}. @default -100 */
  readonly minScore?: number;
  /** Peers that are kept connected besides `outbound`, and never ended for others. @default none */
  readonly trusted?: readonly PeerAddressLike[];
  /** Whether a peer that has dialled in is kept when slots run out; called when one has to go. @default nobody */
  readonly isProtected?: (connection: Connection) => boolean;
}

/** The options with every default filled in. */
export type ResolvedManagerOptions = Readonly<
  Record<Exclude<keyof typeof CONNECTION_MANAGER_DEFAULTS, 'trusted'>, number>
> & {
  readonly trusted: readonly PeerAddress[];
  readonly isProtected: (connection: Connection) => boolean;
};

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveManagerOptions(
  options: ConnectionManagerOptions,
  { maxConnections }: Pick<Required<NodeConfig<unknown>>, 'maxConnections'>,
): ResolvedManagerOptions {
  requireKnown('the options of connectionManager', options, [
    ...Object.keys(CONNECTION_MANAGER_DEFAULTS),
    'isProtected',
  ]);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = {
    isProtected: () => false,
    ...CONNECTION_MANAGER_DEFAULTS,
    ...given,
    trusted: readTrusted(options.trusted ?? []),
  } as ResolvedManagerOptions;
  const { outbound, inbound, guests, trusted, minDelayMs } = resolved;
  requireInteger('outbound', outbound);
  requireInteger('inbound', inbound);
  requireInteger('guests', guests);
  requireInteger('guestMs', resolved.guestMs, { max: MAX_TIMER_MS });
  requireInteger('perGroup', resolved.perGroup, { min: 1 });
  requireInteger('maxConcurrentDials', resolved.maxConcurrentDials, { min: 1 });
  requireInteger('minDelayMs', minDelayMs, { min: 1, max: MAX_TIMER_MS });
  requireInteger('maxDelayMs', resolved.maxDelayMs, { min: minDelayMs, max: MAX_TIMER_MS });
  requireInteger('lookAgainMs', resolved.lookAgainMs, { min: 10, max: MAX_TIMER_MS });
  requireInteger('feelerEveryMs', resolved.feelerEveryMs, { max: MAX_TIMER_MS });
  requireInteger('stableAfterMs', resolved.stableAfterMs);
  requireInteger('anchors', resolved.anchors, { max: 16 });
  requireNumber('minScore', resolved.minScore, { min: -Number.MAX_VALUE, max: 0 });
  requireFunction('isProtected', resolved.isProtected);
  const needed = outbound + inbound + guests + trusted.length + 1;
  if (needed > maxConnections) {
    throw invalidConfig(
      `\`outbound\`, \`inbound\`, \`guests\`, the trusted peers and a feeler need ${needed} connections, and the node has \`maxConnections\` of ${maxConnections}`,
    );
  }
  return resolved;
}

function readTrusted(trusted: readonly PeerAddressLike[]): PeerAddress[] {
  if (!Array.isArray(trusted)) throw invalidConfig(`\`trusted\` must be an array, not ${describe(trusted)}`);
  return trusted.map((peer) => {
    try {
      return PeerAddress.from(peer as PeerAddressLike);
    } catch (cause) {
      throw invalidConfig(`\`trusted\` has one that is not an address: ${describe(cause)}`, cause);
    }
  });
}
