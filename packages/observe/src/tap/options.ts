import type { Writable } from 'node:stream';
import type { Direction, SocketAddress } from '@pea2pea/core';
import {
  invalidConfig,
  requireFunction,
  requireInteger,
  requireKnown,
  requireOneOf,
} from '@pea2pea/core/authoring';
import type { FormatName } from './format.js';

/** Every option of {@link tap} and {@link capture} that has a default, with it. Sizes are in bytes. */
export const TAP_DEFAULTS = {
  maxBytes: 64 * 1024 * 1024,
  maxFrames: 1_000_000,
  maxFrameBytes: 256 * 1024,
  maxWaitingBytes: 8 * 1024 * 1024,
} as const;

/** Options of {@link tap}. */
export interface TapOptions {
  /**
   * Where to: the path of a file, which is replaced and which only its owner may read; or a stream, which is ended at the end.
   *
   * note: what is recorded is what was sent and received, passwords included.
   */
  readonly to: string | Writable;
  /**
   * `pcapng`, for Wireshark, or `jsonl`, a line of JSON for each thing that happened.
   * @default by the ending of the path, `.jsonl` or `.ndjson`; else pcapng
   */
  readonly format?: FormatName;
  /** The most bytes of payload that are recorded. @default 67108864 */
  readonly maxBytes?: number;
  /** The most pieces that are recorded; each is what was read or written at once. @default 1000000 */
  readonly maxFrames?: number;
  /** The most bytes that are kept of a piece; the rest of it is dropped. @default 262144 */
  readonly maxFrameBytes?: number;
  /** The most bytes that wait for a disk that is slow; more are dropped. @default 8388608 */
  readonly maxWaitingBytes?: number;
}

/** Options of {@link capture}. */
export interface CaptureOptions extends TapOptions {
  /** Which connections are recorded. It is asked before their first byte. @default all */
  readonly only?: (peer: { readonly address: SocketAddress; readonly direction: Direction }) => boolean;
}

/** Options with their defaults filled in. */
export interface ResolvedTap extends Required<TapOptions> {
  readonly only: NonNullable<CaptureOptions['only']>;
}

const NAMES = [...Object.keys(TAP_DEFAULTS), 'to', 'format'];

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveTap(what: string, options: CaptureOptions, more: readonly string[] = []): ResolvedTap {
  requireKnown(`the options of ${what}`, options, [...NAMES, ...more]);
  const { to, only = () => true } = options;
  if (!isDestination(to)) throw invalidConfig('`to` must be a path, or a stream to write to');
  requireFunction('only', only);
  const integer = (name: keyof typeof TAP_DEFAULTS): number =>
    requireInteger(name, options[name] ?? TAP_DEFAULTS[name], { min: 1 });
  return {
    to,
    format: requireOneOf('format', options.format ?? formatByName(to), ['pcapng', 'jsonl']),
    only,
    maxBytes: integer('maxBytes'),
    maxFrames: integer('maxFrames'),
    maxFrameBytes: integer('maxFrameBytes'),
    maxWaitingBytes: integer('maxWaitingBytes'),
  };
}

function isDestination(to: unknown): to is string | Writable {
  if (typeof to === 'string') return to !== '';
  const { write, end } = (to ?? {}) as { readonly write?: unknown; readonly end?: unknown };
  return typeof write === 'function' && typeof end === 'function';
}

function formatByName(to: string | Writable): FormatName {
  return typeof to === 'string' && /\.(jsonl|ndjson)$/.test(to) ? 'jsonl' : 'pcapng';
}
