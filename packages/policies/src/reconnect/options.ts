import {
  PeerError,
  SocketAddress,
  type AddressLike,
  type ConnectOptions,
  type DisconnectReason,
} from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  requireBoolean,
  requireFunction,
  requireInteger,
  requireKnown,
  requireNumber,
  requireObject,
} from '@pea2pea/core/authoring';
import type { BackoffSettings } from './backoff.js';
import type { Fault } from './rules.js';

/** Every option of `reconnect` that has a default, with it. Times are in milliseconds. */
export const RECONNECT_DEFAULTS = {
  addresses: [],
  minDelayMs: 1_000,
  maxDelayMs: 60_000,
  factor: 2,
  jitter: 0.5,
  maxAttempts: Infinity,
  maxConcurrentDials: 8,
  stableAfterMs: 10_000,
  keepsAlive: true,
} as const;

/** Options of `reconnect`. */
export interface ReconnectOptions {
  /**
   * The addresses to keep connected, each with options for its dials if it needs some; `Reconnect.add` adds more.
   * @default none
   */
  readonly addresses?: readonly (AddressLike | KeptAddress)[];
  /** The delay after the first failure, before jitter, in milliseconds; at least 1. @default 1000 */
  readonly minDelayMs?: number;
  /** The longest delay, in milliseconds; at least `minDelayMs`. @default 60000 */
  readonly maxDelayMs?: number;
  /** How many times longer each delay is than the one before; 1 for equal delays. @default 2 */
  readonly factor?: number;
  /** The share of a delay that is random, 0 to 1, by the `random` of the node. @default 0.5 */
  readonly jitter?: number;
  /**
   * How many failures in a row until an address is given up: an integer of at least 1.
   *
   * note: what is our own fault (`'ours'` in {@link RECONNECT_RULES}) does not count.
   * @default Infinity: never
   */
  readonly maxAttempts?: number;
  /**
   * How many addresses are dialled at once, at most `maxConnecting` of the node: an integer of at least 1. The others wait
   * in line.
   *
   * note: it leaves some of the setups that a node keeps for dials (12 by default) to dials of your own.
   * @default 8
   */
  readonly maxConcurrentDials?: number;
  /**
   * How long a connection must last to count as a success, in milliseconds. One that ends sooner counts as a failure, so
   * that a peer which always hangs up at once is dialled with growing delays, too.
   * @default 10000
   */
  readonly stableAfterMs?: number;
  /**
   * Whether a pending dial keeps the process alive if it has nothing else to do.
   *
   * note: set it to false in a program that should end when its own work is done.
   * @default true
   */
  readonly keepsAlive?: boolean;
  /**
   * Decides whether to try again after `event`; false gives the address up.
   *
   * note: it must be synchronous. If it throws, or returns a promise, that is logged and {@link shouldReconnectByDefault} decides.
   * @default shouldReconnectByDefault
   */
  readonly shouldReconnect?: (event: ReconnectEvent) => boolean;
}

/** How an address is dialled: the options of `connect`, but for those that belong to one dial. An address is kept by one connection. */
export type KeptOptions = Omit<ConnectOptions, 'signal' | 'stream' | 'parallel'>;

/** An address with options for its dials. */
export interface KeptAddress extends KeptOptions {
  /** The address to keep connected. */
  readonly address: AddressLike;
}

/** A dial that failed (`error`), or a connection that ended (`reason`). */
export type ReconnectEvent = {
  /** The address as it was added. */
  readonly address: SocketAddress;
  /**
   * How many failures in a row, including this one unless it is our own fault; 0 if a connection ended that had lasted
   * `stableAfterMs`.
   */
  readonly attempt: number;
  /** Whose fault it is, by the rules of `reconnect`. */
  readonly fault: Fault;
} & (
  | { readonly error: unknown; readonly reason?: never }
  | { readonly reason: DisconnectReason; readonly error?: never }
);

/**
 * The default rule of `reconnect`, for use in rules of your own: true unless `fault` is `'final'`. See {@link RECONNECT_RULES}.
 *
 * ```ts
 * reconnect({ shouldReconnect: (event) => event.reason?.origin === 'user' || shouldReconnectByDefault(event) })
 * ```
 */
export function shouldReconnectByDefault({ fault }: Pick<ReconnectEvent, 'fault'>): boolean {
  return fault !== 'final';
}

/** The options with every default filled in. */
export interface ResolvedReconnectOptions extends BackoffSettings {
  readonly addresses: readonly (readonly [SocketAddress, KeptOptions | undefined])[];
  readonly maxAttempts: number;
  readonly maxConcurrentDials: number;
  readonly stableAfterMs: number;
  readonly keepsAlive: boolean;
  readonly shouldReconnect: (event: ReconnectEvent) => boolean;
}

/**
 * Checks the options, except those that `Backoff` checks, and fills in the defaults.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export function resolveReconnectOptions(options: ReconnectOptions): ResolvedReconnectOptions {
  requireKnown('the options of reconnect', options, [...Object.keys(RECONNECT_DEFAULTS), 'shouldReconnect']);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved: ResolvedReconnectOptions = {
    shouldReconnect: shouldReconnectByDefault,
    ...RECONNECT_DEFAULTS,
    ...given,
    addresses: resolveAddresses(options.addresses ?? RECONNECT_DEFAULTS.addresses),
  };
  const { maxAttempts, stableAfterMs } = resolved;
  if (maxAttempts !== Infinity && !(Number.isInteger(maxAttempts) && maxAttempts >= 1)) {
    throw invalidConfig(
      `\`maxAttempts\` must be an integer of at least 1, or Infinity, not ${describe(maxAttempts)}`,
    );
  }
  requireInteger('maxConcurrentDials', resolved.maxConcurrentDials, { min: 1 });
  requireNumber('stableAfterMs', stableAfterMs, { min: 0 });
  requireBoolean('keepsAlive', resolved.keepsAlive);
  requireFunction('shouldReconnect', resolved.shouldReconnect);
  return resolved;
}

/** The address to dial. @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for what cannot be dialled: port 0, the peer of a path */
export function dialableAddress(address: AddressLike): SocketAddress {
  const resolved = SocketAddress.from(address);
  const isDialable = (resolved.port === 0) === (resolved.path !== undefined);
  if (!isDialable) throw new PeerError('P2P_ERR_INVALID_ADDRESS', `${resolved} cannot be dialled`);
  return resolved;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for those that belong to one dial; `connect` checks the others */
export function checkKept(options: KeptOptions): KeptOptions {
  requireObject('the options of an address', options);
  if ('parallel' in options) {
    throw invalidConfig('`parallel` is not for an address that is kept: one connection keeps it');
  }
  const mistaken = ['signal', 'stream'].find((name) => name in options);
  if (mistaken === undefined) return options;
  throw invalidConfig(`\`${mistaken}\` belongs to one dial: an address that is kept is dialled many times`);
}

function resolveAddresses(
  addresses: readonly (AddressLike | KeptAddress)[],
): ResolvedReconnectOptions['addresses'] {
  if (!Array.isArray(addresses)) throw invalidConfig('`addresses` must be an array');
  return (addresses as readonly (AddressLike | KeptAddress)[]).map((given) => {
    const isKept = typeof given === 'object' && given !== null && 'address' in given;
    try {
      if (!isKept) return [dialableAddress(given), undefined];
      const { address, ...options } = given;
      return [dialableAddress(address), checkKept(options)];
    } catch (cause) {
      throw invalidConfig(`\`addresses\` has one that cannot be dialled: ${describe(cause)}`, cause);
    }
  });
}
