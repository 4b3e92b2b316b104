import {
  invalidConfig,
  MAX_TIMER_MS,
  requireBoolean,
  requireInteger,
  requireKnown,
  requireNumber,
} from '@pea2pea/core/authoring';
import { PeerAddress, type PeerAddressLike } from '../shared/peer-address.js';
import { MAX_LISTENS, MAX_PEERS } from './messages.js';

/** Every option of {@link peerExchange} that has a default, with it. Times are in milliseconds. */
export const PEER_EXCHANGE_DEFAULTS = {
  askEveryMs: 10 * 60_000,
  replyEveryMs: 60_000,
  maxPerReply: 100,
  acceptPerMinute: 10,
  announce: true,
  addresses: [],
} as const;

/** Options of {@link peerExchange}. */
export interface PeerExchangeOptions {
  /** How often a random peer is asked for addresses, in milliseconds, besides each that this node dials, and up to half as long again at random; every `replyEveryMs` as long as `connectionManager` has slots left. @default 600000: ten minutes */
  readonly askEveryMs?: number;
  /** How often a peer may ask, in milliseconds; what it asks sooner is ignored, and counted. @default 60000: a minute */
  readonly replyEveryMs?: number;
  /** How many addresses a peer is told at once: an integer from 1 to 256. @default 100 */
  readonly maxPerReply?: number;
  /**
   * How many addresses of one peer are taken, a minute, above 0; `maxPerReply` at once. Those above it are ignored, and counted.
   * @default 10
   */
  readonly acceptPerMinute?: number;
  /** Whether peers are told where this node listens. @default true */
  readonly announce?: boolean;
  /** Where this node can be dialled besides the places at which it listens: through a port mapping, by a name. At most 8 of both. @default none */
  readonly addresses?: readonly PeerAddressLike[];
}

/** The options with every default filled in. */
export type ResolvedExchangeOptions = Readonly<
  Required<Omit<PeerExchangeOptions, 'addresses'>> & { addresses: readonly string[] }
>;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveExchangeOptions(options: PeerExchangeOptions): ResolvedExchangeOptions {
  requireKnown('the options of peerExchange', options, Object.keys(PEER_EXCHANGE_DEFAULTS));
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = { ...PEER_EXCHANGE_DEFAULTS, ...given } as Required<PeerExchangeOptions>;
  requireInteger('askEveryMs', resolved.askEveryMs, { min: 1_000, max: MAX_TIMER_MS });
  requireInteger('replyEveryMs', resolved.replyEveryMs, { max: MAX_TIMER_MS });
  requireInteger('maxPerReply', resolved.maxPerReply, { min: 1, max: MAX_PEERS });
  requireNumber('acceptPerMinute', resolved.acceptPerMinute, { min: 0.001 });
  requireBoolean('announce', resolved.announce);
  return { ...resolved, addresses: readAddresses(resolved.addresses) };
}

function readAddresses(addresses: readonly PeerAddressLike[]): string[] {
  if (!Array.isArray(addresses) || addresses.length > MAX_LISTENS) {
    throw invalidConfig(`\`addresses\` must be an array of at most ${MAX_LISTENS} addresses`);
  }
  return addresses.map((address) => {
    try {
      return PeerAddress.from(address as PeerAddressLike).address.toString();
    } catch (cause) {
      throw invalidConfig('`addresses` has one that is not an address', cause);
    }
  });
}
