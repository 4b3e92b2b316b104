import {
  requireBoolean,
  requireInteger,
  requireKnown,
  requireOneOf,
  requireTimeout,
} from '@pea2pea/core/authoring';
import { requireDialect, type Dialect, type DialectName } from './dialect.js';
import type { RpcVersion } from './envelope.js';

/** Every option of {@link requests}, with its default. The docs quote this object. */
export const REQUESTS_DEFAULTS = {
  timeoutMs: 10_000,
  maxPending: 256,
  whenPendingFull: 'wait',
  maxConcurrent: 64,
  whenBusy: 'wait',
  backlogBytes: 1024 * 1024,
  maxBatch: 1_000,
  dialect: 'lsp',
  version: '2.0',
  exclusive: false,
} as const;

/** What happens to what is too much for now: it waits, or is refused. */
export type WhenTooMuch = 'wait' | 'refuse';

/** Options of {@link requests}. */
export interface RequestsOptions {
  /** How long a call waits for its response, in milliseconds, unless the call has its own. @default 10000 */
  readonly timeoutMs?: number;
  /** How many calls per connection may wait for a response at once. @default 256 */
  readonly maxPending?: number;
  /**
   * What happens to a call that finds `maxPending` under way, or the outbound queue full.
   *
   * - `'wait'`: it is sent when there is room; its deadline and its signal apply meanwhile.
   * - `'refuse'`: it rejects with P2P_ERR_TOO_MANY_REQUESTS or P2P_ERR_QUEUE_FULL.
   * @default 'wait'
   */
  readonly whenPendingFull?: WhenTooMuch;
  /** How many requests of a peer may be served at once, per connection. @default 64 */
  readonly maxConcurrent?: number;
  /**
   * What happens to a request or notification of a peer that finds `maxConcurrent` being served.
   *
   * - `'wait'`: it waits, and nothing more is read from the peer until those that wait have begun. While calls to that peer
   *   are under way, reading goes on, as their responses have to come in; up to `backlogBytes` of requests wait then, and
   *   those beyond are refused.
   * - `'refuse'`: a request is refused with -32000; a notification is dropped, counted and logged.
   * @default 'wait'
   */
  readonly whenBusy?: WhenTooMuch;
  /** About how many bytes of requests wait for a slot while calls to the same peer are under way. @default 1048576 */
  readonly backlogBytes?: number;
  /** The most members of a batch, both ways. @default 1000 */
  readonly maxBatch?: number;
  /** How requests are cancelled and progress is told: a name of `DIALECTS`, or formats of your own. @default 'lsp', and 'none' for version 1.0 */
  readonly dialect?: DialectName | Dialect;
  /**
   * The version of JSON-RPC that calls are made in. With `'1.0'`, messages of that version are understood, too; each request
   * is responded to in its own version.
   * @default '2.0'
   */
  readonly version?: RpcVersion;
  /**
   * Whether all messages are meant for this plugin: what is not JSON-RPC is refused with -32600, where it would go on to
   * other plugins and the peer.
   * @default false
   */
  readonly exclusive?: boolean;
}

/** The options, complete. */
export type ResolvedOptions = Omit<Required<RequestsOptions>, 'dialect'> & { readonly dialect: Dialect };

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveOptions(options: RequestsOptions): ResolvedOptions {
  requireKnown('the options of requests()', options, Object.keys(REQUESTS_DEFAULTS));
  const all = { ...REQUESTS_DEFAULTS, ...defined(options) };
  const { dialect } = options;
  return {
    timeoutMs: requireTimeout('timeoutMs', all.timeoutMs),
    maxPending: requireInteger('maxPending', all.maxPending, { min: 1 }),
    whenPendingFull: requireOneOf('whenPendingFull', all.whenPendingFull, ['wait', 'refuse']),
    maxConcurrent: requireInteger('maxConcurrent', all.maxConcurrent, { min: 1 }),
    whenBusy: requireOneOf('whenBusy', all.whenBusy, ['wait', 'refuse']),
    backlogBytes: requireInteger('backlogBytes', all.backlogBytes, { min: 1 }),
    maxBatch: requireInteger('maxBatch', all.maxBatch, { min: 1 }),
    version: requireOneOf('version', all.version, ['1.0', '2.0']),
    exclusive: requireBoolean('exclusive', all.exclusive),
    dialect: requireDialect(dialect ?? (all.version === '1.0' ? 'none' : REQUESTS_DEFAULTS.dialect)),
  };
}

/** An option that is undefined has its default. */
function defined(options: RequestsOptions): RequestsOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
