import type { Direction, SocketAddress } from '@pea2pea/core';
import type { Way } from './packets.js';

export type { Way } from './packets.js';

/**
 * Where bytes were seen: `wire` is what the network carries, `plain` what the codec reads and writes above a secure channel.
 * Without one both are the same, and there is one of them: `plain` of a `tap`, `wire` of a `capture`.
 */
export type Layer = 'wire' | 'plain';

/** A stream of bytes in both directions that is recorded. */
export interface FlowAbout {
  readonly layer: Layer;
  /** The name of the node; undefined where it is not known. */
  readonly node: string | undefined;
  /** The id of the connection; undefined before there is one. */
  readonly connection: number | undefined;
  readonly direction: Direction;
  readonly local: SocketAddress;
  readonly peer: SocketAddress;
}

/** What a capture did. */
export interface CaptureCounts {
  /** Pieces that were recorded: each is what was read or written at once. */
  readonly frames: number;
  /** Their bytes. */
  readonly bytes: number;
  /** What was not recorded, as a bound was reached. */
  readonly dropped: { readonly frames: number; readonly bytes: number };
}

/** How a capture is written. Each method returns what to add to the file. */
export interface Format {
  begin(): Buffer;
  /** A stream begins; `flow` is its number, from 1. */
  open(flow: number, about: FlowAbout, atMs: number): Buffer;
  /** `length` is how many bytes there were, where those at the end of `bytes` were cut. */
  bytes(flow: number, way: Way, bytes: Uint8Array, length: number, atMs: number): Buffer;
  /** `length` bytes are missing. */
  skip(flow: number, way: Way, length: number): void;
  close(flow: number, atMs: number): Buffer;
  end(counts: CaptureCounts, atMs: number): Buffer;
}

export type FormatName = 'pcapng' | 'jsonl';
