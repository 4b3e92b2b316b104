import {
  PeerError,
  SocketAddress,
  type AddressLike,
  type DisconnectReason,
  type PeerErrorCode,
} from '@pea2pea/core';
import {
  invalidConfig,
  requireBoolean,
  requireFunction,
  requireKnown,
  requireNumber,
} from '@pea2pea/core/authoring';
import type { BackoffSettings } from './backoff.js';

/** Every option of `reconnect` that has a default, with it. Times are in milliseconds. */
export const RECONNECT_DEFAULTS = {
  addresses: [],
  minDelayMs: 1_000,
  maxDelayMs: 60_000,
  factor: 2,
  jitter: 0.5,
  maxAttempts: Infinity,
  stableAfterMs: 10_000,
  keepsAlive: true,
} as const;

/** What `reconnect` takes. */
export interface ReconnectOptions {
  /** Whom to keep connected from the start; `Reconnect.add` adds more. @default none */
  readonly addresses?: readonly AddressLike[];
  /** The delay after the first failure, jitter aside; at least 1. @default 1000 */
  readonly minDelayMs?: number;
  /** What delays grow to, at most; not below `minDelayMs`. @default 60000 */
  readonly maxDelayMs?: number;
  /** By how much each delay is longer than the one before; 1 for equal ones. @default 2 */
  readonly factor?: number;
  /** The share of a delay that is random, 0 to 1; the numbers are those of the node's `random`. @default 0.5 */
  readonly jitter?: number;
  /** Failures in a row after which it gives up on an address: a whole number of at least 1. @default Infinity */
  readonly maxAttempts?: number;
  /**
   * A connection that ends sooner counts as a failure, so that a peer which hangs up on us at once is not dialled
   * without a pause that grows. One that lasted so long makes the next failure the first again.
   * @default 10000
   */
  readonly stableAfterMs?: number;
  /**
   * Whether the process stays alive for a dial to come, though nothing else is left to do.
   *
   * note: a program that serves while it is connected wants that; one that ends when its own work is done does not.
   * @default true
   */
  readonly keepsAlive?: boolean;
  /**
   * Whether to try again after `event`; false gives the address up.
   *
   * note: called synchronously; where it throws, that is logged and {@link shouldReconnectByDefault} decides.
   * @default shouldReconnectByDefault
   */
  readonly shouldReconnect?: (event: ReconnectEvent) => boolean;
}

/** A dial that failed (`error`), or a connection that ended (`reason`). */
export type ReconnectEvent = {
  /** As it stands in the list. */
  readonly address: SocketAddress;
  /** Failures in a row, this one included; 0 where a connection ended that had lasted `stableAfterMs`. */
  readonly attempt: number;
} & (
  | { readonly error: unknown; readonly reason?: never }
  | { readonly reason: DisconnectReason; readonly error?: never }
);

/**
 * The rule of `reconnect`, to build others on: again after everything but
 * - an end that this side asked for: `disconnect()` (origin `'user'`, whoever in this process called it), or a node
 *   that closes;
 * - a dial that can only fail again: the own address (P2P_ERR_SELF_CONNECT), a banned one (P2P_ERR_BANNED), no
 *   address (P2P_ERR_INVALID_ADDRESS), a node that closes (P2P_ERR_SHUTTING_DOWN).
 *
 * ```ts
 * reconnect({ shouldReconnect: (event) => event.reason?.origin === 'user' || shouldReconnectByDefault(event) })
 * ```
 */
export function shouldReconnectByDefault({ error, reason }: ReconnectEvent): boolean {
  if (reason !== undefined) return reason.origin !== 'user' && reason.origin !== 'shutdown';
  return !HOPELESS.some((code) => PeerError.is(error, code));
}

const HOPELESS = [
  'P2P_ERR_SELF_CONNECT',
  'P2P_ERR_BANNED',
  'P2P_ERR_INVALID_ADDRESS',
  'P2P_ERR_SHUTTING_DOWN',
] as const satisfies readonly PeerErrorCode[];

/** The options with every default filled in. */
export interface ResolvedReconnectOptions extends BackoffSettings {
  readonly addresses: readonly SocketAddress[];
  readonly maxAttempts: number;
  readonly stableAfterMs: number;
  readonly keepsAlive: boolean;
  readonly shouldReconnect: (event: ReconnectEvent) => boolean;
}

/**
 * Checks the options, those for `Backoff` aside, and fills in the rest.
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
      `\`maxAttempts\` must be a whole number of at least 1, or Infinity, not ${maxAttempts}`,
    );
  }
  requireNumber('stableAfterMs', stableAfterMs, { min: 0 });
  requireBoolean('keepsAlive', resolved.keepsAlive);
  requireFunction('shouldReconnect', resolved.shouldReconnect);
  return resolved;
}

/** @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for port 0, that nobody can be dialled at */
export function dialableAddress(address: AddressLike): SocketAddress {
  const resolved = SocketAddress.from(address);
  if (resolved.port === 0) throw new PeerError('P2P_ERR_INVALID_ADDRESS', `${resolved} cannot be dialled`);
  return resolved;
}

function resolveAddresses(addresses: readonly AddressLike[]): readonly SocketAddress[] {
  if (!Array.isArray(addresses)) throw invalidConfig('`addresses` must be a list');
  try {
    return addresses.map(dialableAddress);
  } catch (cause) {
    throw invalidConfig(`\`addresses\` must list addresses to dial: ${(cause as Error).message}`, cause);
  }
}
