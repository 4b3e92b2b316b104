import type { Slot } from './bucket-table.js';

/** How the book came to know an address. */
export type SourceKind = 'configured' | 'dialled' | 'discovered' | 'told';

/** What the book knows about an address. Times are milliseconds since the Unix epoch, 0 for never. */
export interface Entry {
  /** `<identity>@host:port`, or `host:port`. */
  readonly address: string;
  /** The group of the address: {@link groupOf}. */
  readonly group: string;
  readonly source: SourceKind;
  /** The group of who told it first. */
  readonly sourceGroup: string;
  /** When somebody last said that a peer is there. */
  seenMs: number;
  attemptMs: number;
  successMs: number;
  /** Dials in a row that failed. */
  failures: number;
  /** The slots that it has: one among what was proven, or up to {@link MAX_SLOTS} among what was told. */
  readonly slots: Slot[];
  isProven: boolean;
}

/** In how many slots of what was told an address can be: with each source that tells it, it is harder to drive out. */
export const MAX_SLOTS = 8;

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Whether an entry may go for another one. */
export function isHopeless(entry: Entry, nowMs: number): boolean {
  const { seenMs, attemptMs, successMs, failures } = entry;
  if (attemptMs > nowMs - MINUTE) return false; // the dial may be under way
  if (seenMs < nowMs - 30 * DAY) return true;
  if (successMs === 0) return failures >= 3;
  return successMs < nowMs - 7 * DAY && failures >= 10;
}

/** How much less than others an entry should be dialled, above 0 to 1. */
export function chanceOf({ attemptMs, failures }: Entry, nowMs: number): number {
  // A clock that was set back has attempts in the future.
  const isRecent = attemptMs <= nowMs && attemptMs > nowMs - 10 * MINUTE;
  return (isRecent ? 0.01 : 1) * 0.66 ** Math.min(failures, 8);
}
