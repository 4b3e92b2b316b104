import { IpPrefix, PeerError, type DisconnectReason, type PeerErrorCode } from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  requireFunction,
  requireInteger,
  requireKnown,
} from '@pea2pea/core/authoring';
import { requireIdentity, type Identified } from './target.js';

/** Every option of {@link bans} that has a default, with it. The docs quote this object. */
export const BANS_DEFAULTS = {
  strikes: 3,
  strikeWindowMs: 10 * 60 * 1_000,
  durationMs: 60 * 60 * 1_000,
  maxEntries: 10_000,
} as const;

/** A ban as plain data, to be shown or stored, and to be given as the option `banned`. */
export type BanEntry = {
  /** When it ends, in milliseconds since the Unix epoch. @default never */
  readonly until?: number;
  /** The reason, for people. @default none */
  readonly why?: string;
} & (
  | {
      /** The addresses that are banned: `203.0.113.7`, `203.0.113.0/24`, `2001:db8::/64`. */
      readonly prefix: string;
      readonly identity?: never;
    }
  | {
      /** The identity that is banned, wherever its peer comes from. */
      readonly identity: string;
      readonly prefix?: never;
    }
);

/** Options of {@link bans}. */
export interface BansOptions {
  /** How many strikes within {@link strikeWindowMs} ban an address. @default 3 */
  readonly strikes?: number;
  /** How long a strike counts, in milliseconds. @default 600000: ten minutes */
  readonly strikeWindowMs?: number;
  /** How long a ban lasts, in milliseconds, unless `ban` is given another duration. @default 3600000: an hour */
  readonly durationMs?: number;
  /**
   * Returns how many strikes the end of a connection is worth: an integer, 0 for none.
   * @default {@link strikesByDefault}
   */
  readonly strikesFor?: (reason: DisconnectReason) => number;
  /**
   * Returns how many strikes a failed handshake of an inbound peer is worth: an integer, 0 for none.
   *
   * note: it is not called for peers that an `onAccept` hook refuses, nor when the node shuts down.
   * @default {@link handshakeStrikesByDefault}
   */
  readonly strikesForHandshake?: (error: PeerError) => number;
  /**
   * The most temporary bans to keep, and also the most addresses with strikes. Above it the oldest is forgotten, which
   * `Bans.evicted` counts.
   *
   * note: permanent bans do not count towards it and are never forgotten; only you make those.
   * @default 10000
   */
  readonly maxEntries?: number;
  /** Initial bans: entries that `list()` returned in an earlier run, or strings for permanent bans. @default none */
  readonly banned?: readonly (string | BanEntry)[];
  /** How many bits of an IPv6 address count as one peer. @default that of the node, 64 */
  readonly ipv6PrefixLength?: number;
}

export interface ResolvedBans extends Required<Omit<BansOptions, 'banned'>> {
  readonly banned: readonly InitialBan[];
}

export interface InitialBan {
  readonly target: string | Identified;
  readonly until: number | undefined;
  readonly why: string | undefined;
}

/** A hundred years: the end of every ban must be a valid date. */
export const MAX_DURATION_MS = 100 * 365 * 24 * 60 * 60 * 1_000;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveBans(options: BansOptions, nodeIpv6PrefixLength: number): ResolvedBans {
  requireKnown('the options of bans()', options, [
    ...Object.keys(BANS_DEFAULTS),
    'strikesFor',
    'strikesForHandshake',
    'banned',
    'ipv6PrefixLength',
  ]);
  const {
    strikesFor = strikesByDefault,
    strikesForHandshake = handshakeStrikesByDefault,
    banned = [],
    ipv6PrefixLength = nodeIpv6PrefixLength,
  } = options;
  const integer = (name: keyof typeof BANS_DEFAULTS, max?: number): number =>
    requireInteger(name, options[name] ?? BANS_DEFAULTS[name], { min: 1, ...(max && { max }) });
  if (!Array.isArray(banned)) throw invalidConfig(`\`banned\` must be an array, not ${describe(banned)}`);
  return {
    strikes: integer('strikes'),
    strikeWindowMs: integer('strikeWindowMs'),
    durationMs: integer('durationMs', MAX_DURATION_MS),
    strikesFor: requireFunction('strikesFor', strikesFor),
    strikesForHandshake: requireFunction('strikesForHandshake', strikesForHandshake),
    maxEntries: integer('maxEntries'),
    banned: (banned as readonly unknown[]).map(initialBan),
    ipv6PrefixLength: requireInteger('ipv6PrefixLength', ipv6PrefixLength, { min: 1, max: 128 }),
  };
}

/**
 * The default of `strikesFor`, for use in rules of your own: 1 for `invalid-frame`, unless the frame was only truncated or
 * our decoder failed, and for `handler-error` with P2P_ERR_UNMATCHED_MESSAGE; for a renegotiation as
 * {@link handshakeStrikesByDefault}; 0 for anything else.
 *
 * ```ts
 * bans({ strikesFor: (reason) => (isRateLimited(reason) ? 1 : strikesByDefault(reason)) })
 * ```
 */
export function strikesByDefault(reason: DisconnectReason): number {
  if (reason.origin === 'renegotiation') return handshakeStrikesByDefault(reason.error);
  if (reason.origin !== 'reading') return 0;
  const { cause, error } = reason;
  if (cause === 'invalid-frame') {
    return PeerError.is(error) && BLAMELESS.has(error.code) ? 0 : 1;
  }
  if (cause !== 'handler-error') return 0;
  return PeerError.is(error) && BLAMED.has(error.code) ? 1 : 0;
}

/** Errors of handlers that are the peer's fault: of the decorators package, which is optional. */
const BLAMED: ReadonlySet<string> = new Set(['P2P_ERR_UNMATCHED_MESSAGE']);

/** Errors that are the fault of the network or of our own codec: peers are not banned for them. */
const BLAMELESS: ReadonlySet<PeerErrorCode> = new Set([
  'P2P_ERR_TRUNCATED_FRAME',
  'P2P_ERR_STALLED_DECODER',
  'P2P_ERR_BAD_DECODER',
]);

/** Errors of handshakes that can only be the peer's fault. */
const PEER_FAULTS: ReadonlySet<PeerErrorCode> = new Set([
  'P2P_ERR_HANDSHAKE_REJECTED',
  'P2P_ERR_INVALID_FRAME',
  'P2P_ERR_FRAME_TOO_LARGE',
]);

/**
 * The default of `strikesForHandshake`, for use in rules of your own: 1 for P2P_ERR_HANDSHAKE_REJECTED,
 * P2P_ERR_INVALID_FRAME and P2P_ERR_FRAME_TOO_LARGE; 0 for anything else: a timeout, a peer that left, or a hook that
 * failed may not be the peer's fault.
 */
export function handshakeStrikesByDefault({ code }: PeerError): number {
  return PEER_FAULTS.has(code) ? 1 : 0;
}

/** Checks an entry of `banned`, which may come from a file. */
function initialBan(entry: unknown, index: number): InitialBan {
  const name = `banned[${index}]`;
  const { prefix, identity, until, why } = (
    typeof entry === 'string' ? { prefix: entry } : Object(entry)
  ) as {
    readonly prefix?: unknown;
    readonly identity?: unknown;
    readonly until?: unknown;
    readonly why?: unknown;
  };
  const target = identity === undefined ? requirePrefix(name, prefix) : { identity: identity as string };
  if (typeof target === 'object') {
    requireIdentity(`${name}.identity`, identity);
    if (prefix !== undefined)
      throw invalidConfig(`\`${name}\` has a \`prefix\` and an \`identity\`: make it two`);
  }
  if (until !== undefined && !Number.isFinite(until)) {
    throw invalidConfig(`\`${name}.until\` must be milliseconds since the epoch, not ${describe(until)}`);
  }
  if (why !== undefined && typeof why !== 'string')
    throw invalidConfig(`\`${name}.why\` must be a string, not ${describe(why)}`);
  return { target, until: until as number | undefined, why };
}

function requirePrefix(name: string, prefix: unknown): string {
  if (typeof prefix !== 'string')
    throw invalidConfig(`\`${name}\` must be a string, or an object with a \`prefix\` or an \`identity\``);
  try {
    IpPrefix.parse(prefix);
  } catch (cause) {
    throw invalidConfig(
      `\`${name}\` is ${describe(prefix)}, which is neither an IP address nor a prefix`,
      cause,
    );
  }
  return prefix;
}
