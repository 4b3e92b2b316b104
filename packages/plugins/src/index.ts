export { bans, Bans } from './bans/bans.js';
export type { BanDetails } from './bans/bans.js';
export { BANS_DEFAULTS } from './bans/options.js';
export type { BanEntry, BansOptions } from './bans/options.js';
export type { BanTarget, Peered } from './bans/target.js';
export { IpPrefix } from './bans/ip-prefix.js';
export { generateKeyPair, publicKeyOf } from './noise/dh.js';
export type { NoiseKeyPair } from './noise/dh.js';
export { HandshakeState } from './noise/handshake-state.js';
export type { HandshakeStateOptions } from './noise/handshake-state.js';
export { noise, Noise, noiseIdentity, noiseSession } from './noise/noise.js';
export { noiseHandshake } from './noise/noise-handshake.js';
export type { NoiseChannel, NoiseSession, NoiseWire } from './noise/noise-handshake.js';
export { NoiseStream } from './noise/noise-stream.js';
export { NOISE_DEFAULTS } from './noise/options.js';
export type {
  NoiseHandshakeOptions,
  NoiseMessage,
  NoiseOptions,
  NoiseRemote,
  NoiseSecrets,
} from './noise/options.js';
export { rateLimit, RateLimit } from './rate-limit/rate-limit.js';
export type { ExceededCounts } from './rate-limit/rate-limit.js';
export { RATE_LIMIT_DEFAULTS } from './rate-limit/options.js';
export type { RateLimitOptions, RateLimits, WhenExceeded } from './rate-limit/options.js';
export { reconnect, Reconnect } from './reconnect/reconnect.js';
export { RECONNECT_DEFAULTS, shouldReconnectByDefault } from './reconnect/options.js';
export type { ReconnectEvent, ReconnectOptions } from './reconnect/options.js';
export type { ReconnectStatus } from './reconnect/target.js';
export type { RequestCounters } from './requests/counters.js';
export { RPC_CODES } from './requests/envelope.js';
export { method, OnRequest } from './requests/method.js';
export type { Method, Structured } from './requests/method.js';
export { REQUESTS_DEFAULTS } from './requests/options.js';
export type { RequestsOptions } from './requests/options.js';
export { RequestError } from './requests/request-error.js';
export { requests, Requests } from './requests/requests.js';
export type { CallArguments, CallOptions, Client } from './requests/requests.js';
export type { Pem, TlsCredentials, TlsKeyPair, TlsOptions, TlsVersion } from './tls/options.js';
export { TLS_DEFAULTS } from './tls/options.js';
export { tlsIdentity, tlsSession } from './tls/session.js';
export type { TlsSession } from './tls/session.js';
export { tls, Tls } from './tls/tls.js';
export { TlsContext } from './tls/tls-context.js';
export { tlsHandshake } from './tls/tls-handshake.js';
export { duplicateOf, uniquePeer, UniquePeer } from './unique-peer/unique-peer.js';
export type { LocalIdentity, OnDuplicate, UniquePeerOptions } from './unique-peer/unique-peer.js';
