import { IpPrefix, PeerError, type DisconnectReason, type PeerErrorCode } from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  requireFunction,
  requireInteger,
  requireKnown,
} from '@pea2pea/core/authoring';

/** Every option of {@link bans} that has a default, with it. The docs quote this object. */
export const BANS_DEFAULTS = {
  strikes: 3,
  strikeWindowMs: 10 * 60 * 1_000,
  durationMs: 60 * 60 * 1_000,
  maxEntries: 10_000,
} as const;

/** A ban as it is shown, stored, and taken back in: nothing but texts and a number. */
export interface BanEntry {
  /** `203.0.113.7`, `203.0.113.0/24`, `2001:db8::/64`. */
  readonly prefix: string;
  /** When it ends, in milliseconds since the Unix epoch; absent is for good. */
  readonly until?: number;
  readonly why?: string;
}

/** Options of {@link bans}. */
export interface BansOptions {
  /** So many strikes within {@link strikeWindowMs} ban an address. @default 3 */
  readonly strikes?: number;
  /** How long a strike counts, in milliseconds. @default 600000: ten minutes */
  readonly strikeWindowMs?: number;
  /** How long a ban lasts unless `ban` is told otherwise, in milliseconds. @default 3600000: an hour */
  readonly durationMs?: number;
  /**
   * How many strikes the end of a connection is worth: a whole number, 0 for none.
   * @default 1 for `invalid-frame`, unless the frame was only truncated or the decoder stalled, and for `handler-error`
   * with P2P_ERR_RATE_LIMITED or P2P_ERR_UNMATCHED_MESSAGE; 0 for anything else
   */
  readonly strikesFor?: (reason: DisconnectReason) => number;
  /**
   * How many strikes an inbound peer gets whose handshake failed: a whole number, 0 for none.
   *
   * note: not asked about refusals by `@OnAccept`, nor about our own shutdown.
   * @default 1 for P2P_ERR_HANDSHAKE_REJECTED, P2P_ERR_INVALID_FRAME and P2P_ERR_FRAME_TOO_LARGE; 0 for anything else:
   * a timeout, a peer that went away, or a hook that failed may be no fault of the peer
   */
  readonly strikesForHandshake?: (error: PeerError) => number;
  /**
   * Addresses that are banned for a time, and addresses with strikes, at most; each. Beyond it the oldest is forgotten,
   * and counted.
   *
   * note: bans for good, which only you make, are not counted in and never forgotten.
   * @default 10000
   */
  readonly maxEntries?: number;
  /** Bans from the start: what `list()` answered in an earlier run, or texts, banned for good. @default none */
  readonly banned?: readonly (string | BanEntry)[];
  /** An IPv6 address stands for so many bits of it. @default that of the node, 64 */
  readonly ipv6PrefixLength?: number;
}

export interface ResolvedBans extends Required<Omit<BansOptions, 'banned'>> {
  readonly banned: readonly InitialBan[];
}

export interface InitialBan {
  readonly prefix: string;
  readonly until: number | undefined;
  readonly why: string | undefined;
}

/** A hundred years, so that every end is a date. */
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
    strikesFor = defaultStrikesFor,
    strikesForHandshake = defaultStrikesForHandshake,
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

function defaultStrikesFor(reason: DisconnectReason): number {
  if (reason.origin !== 'reading') return 0;
  const { cause, error } = reason;
  if (cause === 'invalid-frame') {
    return PeerError.is(error) && BLAMELESS.has(error.code) ? 0 : 1;
  }
  if (cause !== 'handler-error') return 0;
  return PeerError.is(error) && BLAMED.has(error.code) ? 1 : 0;
}

/** What a peer did that a handler refused. The second is an error of the decorators, which need not be there. */
const BLAMED: ReadonlySet<string> = new Set(['P2P_ERR_RATE_LIMITED', 'P2P_ERR_UNMATCHED_MESSAGE']);

/** What the network did to a peer, or our own codec: nobody is banned for it. */
const BLAMELESS: ReadonlySet<PeerErrorCode> = new Set([
  'P2P_ERR_TRUNCATED_FRAME',
  'P2P_ERR_STALLED_DECODER',
  'P2P_ERR_BAD_DECODER',
]);

/** What can be the fault of nobody but the peer. */
const PEER_FAULTS: ReadonlySet<PeerErrorCode> = new Set([
  'P2P_ERR_HANDSHAKE_REJECTED',
  'P2P_ERR_INVALID_FRAME',
  'P2P_ERR_FRAME_TOO_LARGE',
]);

function defaultStrikesForHandshake({ code }: PeerError): number {
  return PEER_FAULTS.has(code) ? 1 : 0;
}

/** Checks an entry of `banned`, which may come from a file. */
function initialBan(entry: unknown, index: number): InitialBan {
  const name = `banned[${index}]`;
  const { prefix, until, why } = (typeof entry === 'string' ? { prefix: entry } : Object(entry)) as {
    readonly prefix?: unknown;
    readonly until?: unknown;
    readonly why?: unknown;
  };
  if (typeof prefix !== 'string') throw invalidConfig(`\`${name}\` must be a text or have a \`prefix\``);
  try {
    IpPrefix.parse(prefix);
  } catch (cause) {
    throw invalidConfig(`\`${name}\` is ${describe(prefix)}, which is no IP address and no prefix`, cause);
  }
  if (until !== undefined && !Number.isFinite(until)) {
    throw invalidConfig(`\`${name}.until\` must be milliseconds since the epoch, not ${describe(until)}`);
  }
  if (why !== undefined && typeof why !== 'string')
    throw invalidConfig(`\`${name}.why\` must be a text, not ${describe(why)}`);
  return { prefix, until: until as number | undefined, why };
}
