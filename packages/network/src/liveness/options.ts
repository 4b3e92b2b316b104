import type { ResolvedConfig } from '@pea2pea/core';
import { invalidConfig, MAX_TIMER_MS, requireInteger, requireKnown } from '@pea2pea/core/authoring';

/** Every option of {@link liveness} that has a default, with it. Times are in milliseconds. */
export const LIVENESS_DEFAULTS = {
  intervalMs: 15_000,
  timeoutMs: 10_000,
  window: 32,
  latePenalty: 10,
} as const;

/** Options of {@link liveness}. */
export interface LivenessOptions {
  /**
   * How often each peer is sent a ping, in milliseconds: an integer of at least 100, at most three quarters of the `idleTimeoutMs` of the node.
   * @default 15000
   */
  readonly intervalMs?: number;
  /**
   * How long a peer may send nothing after a ping, in milliseconds, before its connection ends: an integer of at least 100. A pong
   * that takes longer, while other bytes come, is late.
   * @default 10000
   */
  readonly timeoutMs?: number;
  /** How many round trips of each connection are remembered: an integer from 1 to 1024. @default 32 */
  readonly window?: number;
  /**
   * What a late pong takes from the score of its peer at `connectionManager`, where the node has it: an integer of at least 0. With each one in
   * time the peer regains a tenth of it, until nothing is missing.
   * @default 10
   */
  readonly latePenalty?: number;
}

/** The options with every default filled in. */
export type ResolvedLiveness = Required<LivenessOptions>;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveLiveness(
  options: LivenessOptions,
  { idleTimeoutMs }: Pick<ResolvedConfig, 'idleTimeoutMs'>,
): ResolvedLiveness {
  requireKnown('the options of liveness', options, Object.keys(LIVENESS_DEFAULTS));
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved: ResolvedLiveness = { ...LIVENESS_DEFAULTS, ...given };
  requireInteger('intervalMs', resolved.intervalMs, { min: 100, max: MAX_TIMER_MS });
  requireInteger('timeoutMs', resolved.timeoutMs, { min: 100, max: MAX_TIMER_MS });
  requireInteger('window', resolved.window, { min: 1, max: 1_024 });
  requireInteger('latePenalty', resolved.latePenalty);
  if (idleTimeoutMs > 0 && resolved.intervalMs > idleTimeoutMs * 0.75) {
    throw invalidConfig(
      `\`intervalMs\` of ${resolved.intervalMs} is too long for the \`idleTimeoutMs\` of the node, ${idleTimeoutMs}: ` +
        `make it ${Math.floor(idleTimeoutMs * 0.75)} at most, or raise \`idleTimeoutMs\``,
    );
  }
  return resolved;
}
