import type { ResolvedConfig } from '@pea2pea/core';
import { invalidConfig, requireInteger, requireKnown, requireMethods } from '@pea2pea/core/authoring';
import { objectPings, type PingFormat } from './format.js';

/** Every option of {@link keepAlive} that has a default, with it. Times are in milliseconds. */
export const KEEP_ALIVE_DEFAULTS = {
  intervalMs: 20_000,
  timeoutMs: 10_000,
  maxPongsPerSecond: 10,
} as const;

/** Options of {@link keepAlive}. */
export interface KeepAliveOptions {
  /**
   * After how long without a byte from a peer it is sent a ping, in milliseconds; at least 100, and at most three quarters of
   * the `idleTimeoutMs` of the node.
   *
   * note: choose the same on both sides, or one that suits the `idleTimeoutMs` of both.
   * @default 20000
   */
  readonly intervalMs?: number;
  /** How long a peer has to send anything after a ping, in milliseconds; at least 100. @default 10000 */
  readonly timeoutMs?: number;
  /** How many pongs a peer is sent per second, and in a burst twice as many; its other pings are ignored. @default 10 */
  readonly maxPongsPerSecond?: number;
  /**
   * What pings and pongs are as messages.
   *
   * note: both sides use the same, and it must never take a message of your protocol for a ping.
   * @default objectPings: `{ $ping: 1 }` and `{ $pong: 1 }`, for codecs that carry objects, such as `json` and `msgpack`
   */
  readonly format?: PingFormat;
}

export type ResolvedKeepAlive = Required<KeepAliveOptions>;

const SHORTEST_MS = 100;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveKeepAlive(
  options: KeepAliveOptions,
  { idleTimeoutMs }: Pick<ResolvedConfig, 'idleTimeoutMs'>,
): ResolvedKeepAlive {
  requireKnown('the options of keepAlive()', options, [...Object.keys(KEEP_ALIVE_DEFAULTS), 'format']);
  const integer = (name: keyof typeof KEEP_ALIVE_DEFAULTS, min: number): number =>
    requireInteger(name, options[name] ?? KEEP_ALIVE_DEFAULTS[name], { min });
  const intervalMs = integer('intervalMs', SHORTEST_MS);
  const { format = objectPings } = options;
  requireKnown('`format`', format, ['write', 'read']);
  requireMethods('format', format, ['write', 'read']);
  if (idleTimeoutMs > 0 && intervalMs > idleTimeoutMs * 0.75) {
    throw invalidConfig(
      `\`intervalMs\` of ${intervalMs} leaves no time for a reply before the \`idleTimeoutMs\` of the node, ${idleTimeoutMs}, ` +
        `ends the connection: make it ${Math.floor(idleTimeoutMs * 0.75)} at most, or raise \`idleTimeoutMs\``,
    );
  }
  return {
    intervalMs,
    timeoutMs: integer('timeoutMs', SHORTEST_MS),
    maxPongsPerSecond: integer('maxPongsPerSecond', 1),
    format,
  };
}
