/// <reference types="node" preserve="true" />
export { POLICY_ERRORS } from './shared/errors.js';
export { bans, Bans } from './bans/bans.js';
export type { BanDetails, BanEvent, BansEvents } from './bans/bans.js';
export { BANS_DEFAULTS, handshakeStrikesByDefault, strikesByDefault } from './bans/options.js';
export type { BanEntry, BansOptions } from './bans/options.js';
export type { BanTarget, Peered } from './bans/target.js';
export { rateLimit, RateLimit } from './rate-limit/rate-limit.js';
export type { ExceededCounts, RateLimitEvents } from './rate-limit/rate-limit.js';
export { RATE_LIMIT_DEFAULTS } from './rate-limit/options.js';
export type { RateLimitOptions, RateLimits, WhenExceeded } from './rate-limit/options.js';
export { reconnect, Reconnect } from './reconnect/reconnect.js';
export type { ReconnectEvents } from './reconnect/reconnect.js';
export { RECONNECT_DEFAULTS, shouldReconnectByDefault } from './reconnect/options.js';
export type { ReconnectEvent, ReconnectOptions } from './reconnect/options.js';
export type { ReconnectStatus } from './reconnect/target.js';
export { duplicateOf, uniquePeer, UniquePeer } from './unique-peer/unique-peer.js';
export type {
  LocalIdentity,
  OnDuplicate,
  UniquePeerEvents,
  UniquePeerOptions,
} from './unique-peer/unique-peer.js';
