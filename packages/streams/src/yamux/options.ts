import { defaultLogger, systemClock, type Clock, type Logger } from '@pea2pea/core';
import {
  guardedLogger,
  MAX_TIMER_MS,
  requireFunction,
  requireInteger,
  requireKnown,
  requireMethods,
  requireOneOf,
} from '@pea2pea/core/authoring';
import { INITIAL_WINDOW } from './frame.js';
import type { YamuxStream } from './stream.js';

/** What {@link Yamux} uses where an option is left out. */
export const YAMUX_DEFAULTS = {
  receiveWindowBytes: INITIAL_WINDOW,
  maxStreams: 256,
  acceptBacklog: 256,
  keepAliveIntervalMs: 30_000,
  pingTimeoutMs: 10_000,
  closeTimeoutMs: 3_000,
} as const;

/** Options of {@link Yamux}. */
export interface YamuxOptions {
  /** `'client'` for the side that dialled: its streams have odd ids. The two sides must differ. */
  readonly role: 'client' | 'server';
  /**
   * Called with each stream that the peer opens. What it throws, or rejects with, resets that stream and is logged. The
   * slot of the stream in `maxStreams` stays taken until its promise has settled.
   * @default none: every stream of the peer is reset
   */
  readonly onStream?: ((stream: YamuxStream) => void | Promise<void>) | undefined;
  /**
   * Bytes that a stream may receive before they are read, 256 KiB to 16 MiB: what the peer can make us hold is this
   * times `maxStreams` times two.
   * @default 262144
   */
  readonly receiveWindowBytes?: number | undefined;
  /**
   * Streams at a time, in each direction. One more of the peer's is reset; one more of our own is a
   * P2P_ERR_TOO_MANY_STREAMS.
   * @default 256
   */
  readonly maxStreams?: number | undefined;
  /**
   * Streams of our own that no frame of the peer has come for yet, an acknowledgement or any other. One more is a
   * P2P_ERR_TOO_MANY_STREAMS.
   * @default 256
   */
  readonly acceptBacklog?: number | undefined;
  /**
   * After so long without a frame from the peer, and without it taking bytes that had to wait, it is pinged; 0 = never.
   * @default 30000
   */
  readonly keepAliveIntervalMs?: number | undefined;
  /** How long a ping may go unanswered; one of the keep-alive ends the session then. @default 10000 */
  readonly pingTimeoutMs?: number | undefined;
  /** How long the last frames may take to go out when the session ends; then the stream below is cut. @default 3000 */
  readonly closeTimeoutMs?: number | undefined;
  /** Times pings and keep-alive. @default systemClock */
  readonly clock?: Clock | undefined;
  /** Is told of an `onStream` that throws. @default defaultLogger */
  readonly logger?: Logger | undefined;
}

/** Options with nothing left out. */
export type ResolvedYamuxOptions = {
  readonly [K in keyof YamuxOptions]-?: K extends 'onStream' ? YamuxOptions[K] : NonNullable<YamuxOptions[K]>;
};

const NAMES = [...Object.keys(YAMUX_DEFAULTS), 'role', 'onStream', 'clock', 'logger'];

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveYamuxOptions(options: YamuxOptions): ResolvedYamuxOptions {
  requireKnown('the options of Yamux', options, NAMES);
  const { role, onStream } = options;
  requireOneOf('role', role, ['client', 'server']);
  if (onStream !== undefined) requireFunction('onStream', onStream);
  if (options.clock !== undefined) requireMethods('clock', options.clock, ['now', 'setTimeout', 'nextTurn']);
  if (options.logger !== undefined) requireMethods('logger', options.logger, ['warn']);
  const number = (name: keyof typeof YAMUX_DEFAULTS, min: number, max: number): number =>
    requireInteger(name, options[name] ?? YAMUX_DEFAULTS[name], { min, max });
  return {
    role,
    onStream,
    receiveWindowBytes: number('receiveWindowBytes', INITIAL_WINDOW, 16 * 1024 * 1024),
    maxStreams: number('maxStreams', 1, 65_536),
    acceptBacklog: number('acceptBacklog', 1, 65_536),
    keepAliveIntervalMs: number('keepAliveIntervalMs', 0, MAX_TIMER_MS),
    pingTimeoutMs: number('pingTimeoutMs', 1, MAX_TIMER_MS),
    closeTimeoutMs: number('closeTimeoutMs', 1, MAX_TIMER_MS),
    clock: options.clock ?? systemClock,
    logger: guardedLogger(options.logger ?? defaultLogger),
  };
}
