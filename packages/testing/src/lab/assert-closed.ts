import type { Clock, PeerNode } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { assertConsistent } from '../consistency.js';
import { testingError } from '../errors.js';

/**
 * Compares all views of nodes that are closed, and looks for timers that they have left.
 *
 * @throws {PeerError} P2P_ERR_INCONSISTENT, or P2P_ERR_TIMERS_LEFT where their clock is a `ControlledClock`.
 */
export function assertClosed(nodes: readonly PeerNode<unknown, never>[]): void {
  for (const node of nodes) assertConsistent(node);
  for (const clock of new Set(nodes.map(({ config }) => config.clock))) assertIdle(clock);
}

/** A clock that a test controls knows which timers are left. */
function assertIdle(clock: Clock): void {
  if (!(clock instanceof ControlledClock) || clock.pending === 0) return;
  throw testingError(
    'P2P_ERR_TIMERS_LEFT',
    `timers on the clock of closed nodes: ${clock.pending}, should be 0`,
  );
}
