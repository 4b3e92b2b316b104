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
  perConnection: { messagesPerSecond: 100, bytesPerSecond: 1024 * 1024, burstSeconds: 10 },
  /** The defaults of `perIp` are so many times what `perConnection` is. */
  perIpFactor: 4,
  whenExceeded: 'disconnect',
  maxAddresses: 10_000,
} as const;

/** How much may be sent. */
export interface RateLimits {
  /** Messages a second, in the long run; a fraction, or `Infinity` for no limit. */
  readonly messagesPerSecond?: number;
  /** Bytes a second, in the long run; `Infinity` for no limit. */
  readonly bytesPerSecond?: number;
  /**
   * So many seconds' worth may come at once, after as long a silence: with 100 messages a second and 10 seconds, 1000.
   *
   * note: `bytesPerSecond * burstSeconds` must exceed the largest frame of your codec, or that frame always exceeds it.
   * note: it is also how long our own handlers may stall without the peer paying for what piled up meanwhile.
   * @default 10
   */
  readonly burstSeconds?: number;
}

/**
 * What becomes of a message above a limit:
 * - `'disconnect'`: it is not handled, and the connection ends with `handler-error`, P2P_ERR_RATE_LIMITED.
 * - `'slow-down'`: it is handled once the peer has paid for it with waiting; meanwhile its next messages wait,
 *   then its socket.
 * - `'drop'`: it is not handled. It does not count as a message then; its bytes have arrived, and count.
 */
export type WhenExceeded = 'disconnect' | 'slow-down' | 'drop';

/** Options of {@link rateLimit}. */
export interface RateLimitOptions {
  /** For each connection; false for no limit. @default 100 messages and 1 MiB a second, bursts of 10 seconds */
  readonly perConnection?: RateLimits | false;
  /**
   * For all connections of an IPv4 address, or of an IPv6 prefix, together: who reconnects does not begin anew. False
   * for no limit.
   * @default four times `perConnection`, or four times its defaults where that is false: 400 messages and 4 MiB a
   * second, the same burst
   */
  readonly perIp?: RateLimits | false;
  /** How many bits of an IPv6 address count as one IP. @default that of the node, 64 */
  readonly ipv6PrefixLength?: number;
  /** @default 'disconnect' */
  readonly whenExceeded?: WhenExceeded;
  /**
   * Addresses remembered at once. Beyond it the one remembered longest is forgotten, and counted: it begins anew.
   *
   * note: who has sent nothing for `burstSeconds`, twice that after a flood, need not be remembered.
   * @default 10000, or the `maxConnections` of the node where that is more
   */
  readonly maxAddresses?: number;
}

/** Both limits of one kind of sender; undefined is no limit. */
export interface Rates {
  readonly messages: TokenRate | undefined;
  readonly bytes: TokenRate | undefined;
}

export interface ResolvedRateLimit {
  readonly perConnection: Rates;
  readonly perIp: Rates;
  readonly ipv6PrefixLength: number;
  readonly whenExceeded: WhenExceeded;
  readonly maxAddresses: number;
}

/** An hour: nobody is held back longer than that. */
const MAX_BURST_SECONDS = 3_600;
const NO_LIMITS: Required<RateLimits> = {
  messagesPerSecond: Infinity,
  bytesPerSecond: Infinity,
  burstSeconds: RATE_LIMIT_DEFAULTS.perConnection.burstSeconds,
};

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveRateLimit(
  options: RateLimitOptions,
  node: Pick<ResolvedConfig, 'ipv6PrefixLength' | 'maxConnections'>,
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
    whenExceeded: requireOneOf('whenExceeded', whenExceeded, ['disconnect', 'slow-down', 'drop']),
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
  };
}

function rateOf(name: string, perSecond: number, burstSeconds: number): TokenRate | undefined {
  if (perSecond === Infinity) return undefined;
  const capacity = perSecond * burstSeconds;
  if (capacity >= 1) return { perSecond, capacity };
  throw invalidConfig(
    `\`${name}\` of ${perSecond} lets nothing through, as less than 1 comes together in the ${burstSeconds} seconds of \`burstSeconds\``,
  );
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
function requirePositive(name: string, value: unknown, max = Infinity): void {
  if (typeof value === 'number' && value > 0 && value <= max) return;
  const range = max === Infinity ? 'above 0, or Infinity for no limit' : `above 0, ${max} at most`;
  throw invalidConfig(`\`${name}\` must be a number ${range}, not ${describe(value)}`);
}
