import type { Direction } from '@pea2pea/core';
import type { AnyNode } from './observed.js';

/** Something on its way to being a connection. */
export interface SetupSnapshot {
  /** The address of the peer; of a dial, what `connect` was given. */
  readonly address: string;
  /** Who dials: `outbound` where this side does. */
  readonly direction: Direction;
  /** `handshaking` from when there is a link. */
  readonly state: 'connecting' | 'handshaking';
  /** Since it began, in milliseconds. */
  readonly ageMs: number;
}

/** All that is being set up, in the order in which it began. */
export function setupsOf({ config, inside }: AnyNode): SetupSnapshot[] {
  const nowMs = config.clock.now();
  return inside.setups().map(({ address, direction, phase, sinceMs }) => ({
    address: address.toString(),
    direction,
    state: phase,
    ageMs: Math.max(0, nowMs - sinceMs),
  }));
}
