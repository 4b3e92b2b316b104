import type { ResolvedConfig } from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  requireInteger,
  requireKnown,
  requireOneOf,
  type TokenRate,
} from '@pea2pea/core/authoring';

/** Every option of {@link rateLimit} that has a default, with it. The docs quote this object. */
export const RATE_LIMIT_DEFAULTS = {
  perConnection: { messagesPerSecond: 1_000, bytesPerSecond: 4 * 1024 * 1024, burstSeconds: 10 },
  /** The defaults of `perIp` are this many times those of `perConnection`. */
  perIpFactor: 4,
  whenExceeded: 'slow',
  maxAddresses: 10_000,
} as const;

/** How much a sender may send. */
export interface RateLimits {
  /** Messages per second, on average; may be a fraction, or `Infinity` for no limit. @default 1000 per connection */
  readonly messagesPerSecond?: number;
  /** Bytes per second, on average; `Infinity` for no limit. @default 4 MiB per connection */
  readonly bytesPerSecond?: number;
  /**
   * The size of a burst, in seconds: how many seconds' worth a peer may send at once after having sent nothing for as
   * long. With 1000 messages per second and 10 seconds, that is 10 000 messages.
   *
   * note: `bytesPerSecond * burstSeconds` must exceed the largest frame of your codec; such a frame would always be above
   * the limit otherwise.
   * note: it is also how long one of our own handlers may take before the messages that wait for it exceed the limit. A
   * process that stood still is another matter: what arrived in that time is granted.
   * @default 10
   */
  readonly burstSeconds?: number;
}

/**
 * What happens to a message above a limit:
 * - `'slow'`: it is handled after a delay that brings the peer back to the limit; its later messages wait meanwhile, first
 *   in our queue, then in its socket. Nothing is lost.
 * - `'drop'`: it is not handled, and does not count as a message. Its bytes do count. For messages that soon are out of date.
 * - `'disconnect'`: it is not handled, and the connection ends with `handler-error` and P2P_ERR_RATE_LIMITED. For protocols
 *   whose peers know the limit.
 */
export type WhenExceeded = 'slow' | 'drop' | 'disconnect';

/** Options of {@link rateLimit}. */
export interface RateLimitOptions {
  /** The limits of each connection; false for none. @default 1000 messages and 4 MiB per second, bursts of 10 seconds */
  readonly perConnection?: RateLimits | false;
  /**
   * The limits of all connections of an IPv4 address, or of an IPv6 prefix, together; they also hold after a peer has
   * reconnected. False for none.
   * @default four times `perConnection`, or four times its defaults if that is false: 4000 messages and 16 MiB per second,
   * with the same bursts
   */
  readonly perIp?: RateLimits | false;
  /** How many bits of an IPv6 address count as one IP. @default that of the node, 64 */
  readonly ipv6PrefixLength?: number;
  /** What happens to a message above a limit. @default 'slow' */
  readonly whenExceeded?: WhenExceeded;
  /**
   * How many addresses to remember. Above it the one remembered longest is forgotten, so that it starts anew;
   * `RateLimit.evictedAddresses` counts those.
   *
   * note: an address that has sent nothing for `burstSeconds`, or twice that after a flood, is not remembered.
   * @default 10000, or the `maxConnections` of the node if that is more
   */
  readonly maxAddresses?: number;
}

/** Both limits of one kind of sender; undefined means unlimited. */
export interface Rates {
  readonly messages: TokenRate | undefined;
  readonly bytes: TokenRate | undefined;
  readonly burstMs: number;
}

export interface ResolvedRateLimit {
  readonly perConnection: Rates;
  readonly perIp: Rates;
  readonly ipv6PrefixLength: number;
  readonly whenExceeded: WhenExceeded;
  readonly maxAddresses: number;
}

/** An hour: the longest that a peer can be held back. */
const MAX_BURST_SECONDS = 3_600;
const NO_LIMITS: Required<RateLimits> = {
  messagesPerSecond: Infinity,
  bytesPerSecond: Infinity,
  burstSeconds: RATE_LIMIT_DEFAULTS.perConnection.burstSeconds,
};

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveRateLimit(
  options: RateLimitOptions,
  node: Pick<ResolvedConfig, 'ipv6PrefixLength' | 'maxConnections' | 'whenInboundFull'>,
): ResolvedRateLimit {
  requireKnown('the options of rateLimit()', options, [
    'perConnection',
    'perIp',
    'ipv6PrefixLength',
    'whenExceeded',
    'maxAddresses',
  ]);
  const {
    perConnection,
    perIp,
    ipv6PrefixLength = node.ipv6PrefixLength,
    whenExceeded = RATE_LIMIT_DEFAULTS.whenExceeded,
    maxAddresses = Math.max(RATE_LIMIT_DEFAULTS.maxAddresses, node.maxConnections),
  } = options;
  if (whenExceeded === 'slow' && node.whenInboundFull === 'drop') {
    throw invalidConfig(
      "`whenExceeded: 'slow'` has messages wait, which `whenInboundFull: 'drop'` of the node throws away: choose 'drop' or 'disconnect' here, or 'pause' there",
    );
  }
  const own = resolveLimits('perConnection', perConnection, RATE_LIMIT_DEFAULTS.perConnection);
  const one = perConnection === false ? RATE_LIMIT_DEFAULTS.perConnection : own;
  const { perIpFactor } = RATE_LIMIT_DEFAULTS;
  const shared = resolveLimits('perIp', perIp, {
    messagesPerSecond: one.messagesPerSecond * perIpFactor,
    bytesPerSecond: one.bytesPerSecond * perIpFactor,
    burstSeconds: one.burstSeconds,
  });
  return {
    perConnection: ratesOf('perConnection', own),
    perIp: ratesOf('perIp', shared),
    ipv6PrefixLength: requireInteger('ipv6PrefixLength', ipv6PrefixLength, { min: 1, max: 128 }),
    whenExceeded: requireOneOf('whenExceeded', whenExceeded, ['slow', 'drop', 'disconnect']),
    maxAddresses: requireInteger('maxAddresses', maxAddresses, { min: 1 }),
  };
}

function resolveLimits(
  name: string,
  limits: RateLimits | false | undefined,
  defaults: Required<RateLimits>,
): Required<RateLimits> {
  if (limits === false) return NO_LIMITS;
  if (limits === undefined) return defaults;
  requireKnown(`the limits of \`${name}\``, limits, ['messagesPerSecond', 'bytesPerSecond', 'burstSeconds']);
  const {
    messagesPerSecond = defaults.messagesPerSecond,
    bytesPerSecond = defaults.bytesPerSecond,
    burstSeconds = defaults.burstSeconds,
  } = limits;
  requirePositive(`${name}.messagesPerSecond`, messagesPerSecond);
  requirePositive(`${name}.bytesPerSecond`, bytesPerSecond);
  requirePositive(`${name}.burstSeconds`, burstSeconds, MAX_BURST_SECONDS);
  return { messagesPerSecond, bytesPerSecond, burstSeconds };
}

function ratesOf(
  name: string,
  { messagesPerSecond, bytesPerSecond, burstSeconds }: Required<RateLimits>,
): Rates {
  return {
    messages: rateOf(`${name}.messagesPerSecond`, messagesPerSecond, burstSeconds),
    bytes: rateOf(`${name}.bytesPerSecond`, bytesPerSecond, burstSeconds),
    burstMs: burstSeconds * 1_000,
  };
}

function rateOf(name: string, perSecond: number, burstSeconds: number): TokenRate | undefined {
  if (perSecond === Infinity) return undefined;
  const capacity = perSecond * burstSeconds;
  if (capacity >= 1) return { perSecond, capacity };
  throw invalidConfig(
    `\`${name}\` of ${perSecond} would let nothing through: it amounts to less than 1 in the ${burstSeconds} seconds of \`burstSeconds\``,
  );
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
function requirePositive(name: string, value: unknown, max = Infinity): void {
  if (typeof value === 'number' && value > 0 && value <= max) return;
  const range = max === Infinity ? 'above 0, or Infinity for no limit' : `above 0 and at most ${max}`;
  throw invalidConfig(`\`${name}\` must be a number ${range}, not ${describe(value)}`);
}
