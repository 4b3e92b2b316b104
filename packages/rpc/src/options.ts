import { requireInteger, requireKnown, requireTimeout } from '@pea2pea/core/authoring';

/** Every option of {@link requests}, with its default. The docs quote this object. */
export const REQUESTS_DEFAULTS = {
  timeoutMs: 10_000,
  maxPending: 256,
  maxConcurrent: 64,
} as const;

/** Options of {@link requests}. */
export interface RequestsOptions {
  /** How long a call waits for its response, in milliseconds, unless the call has its own. @default 10000 */
  readonly timeoutMs?: number;
  /** How many calls per connection may wait for a response at once. @default 256 */
  readonly maxPending?: number;
  /** How many requests of a peer may be served at once, per connection. @default 64 */
  readonly maxConcurrent?: number;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveOptions(options: RequestsOptions): Required<RequestsOptions> {
  requireKnown('the options of requests()', options, Object.keys(REQUESTS_DEFAULTS));
  const {
    timeoutMs = REQUESTS_DEFAULTS.timeoutMs,
    maxPending = REQUESTS_DEFAULTS.maxPending,
    maxConcurrent = REQUESTS_DEFAULTS.maxConcurrent,
  } = options;
  return {
    timeoutMs: requireTimeout('timeoutMs', timeoutMs),
    maxPending: requireInteger('maxPending', maxPending, { min: 1 }),
    maxConcurrent: requireInteger('maxConcurrent', maxConcurrent, { min: 1 }),
  };
}
