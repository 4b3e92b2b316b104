import type { SocketAddress } from '../net/socket-address.js';
import type { PeerConnection } from '../connection/connection.js';
import type { Kernel } from '../connection/kernel.js';
import { Deadline } from '../mechanisms/deadline.js';
import type { Life, StopReport } from '../mechanisms/life.js';
import { shuttingDown } from './connection-setup.js';
import type { Listener } from './listener.js';

/** How long destroyed streams may take to close. Only one that a user brought along can take longer. */
const STREAM_CLOSE_MS = 250;

/** How a node ended. */
export interface CloseReport {
  /** How long it took. */
  readonly elapsedMs: number;
  /** Connections that were open or closing when `close()` was called. */
  readonly connections: number;
  /** What of its connections did not end by itself and was cut; empty when all went well. */
  readonly cut: readonly CutOff[];
  /** What became of `onStop` hooks. */
  readonly stop: StopReport;
}

/** Something that `close()` had to cut. */
export interface CutOff {
  /**
   * - `handler`: an `onMessage` whose promise was pending when a node had drained for long enough.
   * - `work`: work that somebody had announced with `Connection.hold`, such as a request that was being served.
   * - `onDisconnect`: the hook had not settled.
   * - `flush`: queued bytes that the peer did not take; they are lost.
   * - `stream`: destroyed, but has not closed in time.
   */
  readonly what: 'handler' | 'work' | 'onDisconnect' | 'flush' | 'stream';
  /** The address of the peer. */
  readonly address: SocketAddress;
  /** The id of the connection, where it was one. */
  readonly connection?: number;
}

/**
 * Ends everything that a node has, within one deadline.
 *
 * ```text
 *   table closed -> listener closed -> setups aborted -> onStop -> work -> teardowns -> streams closed
 *                                                        `------- deadline -------'   `- a moment
 * ```
 *
 * INVARIANT: close-ends, work-ends-first, nothing-left.
 */
export async function closeNode(
  kernel: Kernel,
  listener: Listener,
  life: Life,
  timeoutMs: number,
): Promise<CloseReport> {
  const startedMs = kernel.clock.now();
  const deadline = new Deadline(kernel.clock, timeoutMs);
  kernel.table.close();
  const { drained } = listener.stop();
  const setupsEnded = kernel.cancelSetups(shuttingDown(kernel));

  const connections = [...kernel.table];
  // Half of the time, so that the teardowns have the other.
  const stopping = life.stop(Math.ceil(timeoutMs / 2));
  const stop = stopping === undefined ? { errors: [], cut: [] } : await stopping;
  // Three quarters of what is left, so that the teardowns have the last.
  const workMs = Math.ceil((3 / 4) * Math.max(timeoutMs - (kernel.clock.now() - startedMs), 0));
  const cut = await endWhenFree(kernel, connections, workMs);
  const teardowns = Promise.all(connections.map((connection) => finishTeardown(connection, cut)));
  if (!(await deadline.wait(teardowns))) {
    for (const connection of connections) connection.teardown?.cut();
    await teardowns;
  }
  deadline.cancel();
  // All streams are destroyed; the system needs a moment to close them.
  const moment = new Deadline(kernel.clock, STREAM_CLOSE_MS);
  const closed = [kernel.hasHandedOver ? undefined : drained, listener.places.settled()];
  if (!(await moment.wait(Promise.all([...closed, setupsEnded, linksClosed(kernel)])))) {
    for (const { address } of kernel.links.keys()) cut.push({ what: 'stream', address });
  }
  moment.cancel();
  kernel.slabs.clear();
  kernel.turns.stop();
  const elapsedMs = kernel.clock.now() - startedMs;
  kernel.logger.info({ elapsedMs, connections: connections.length, cut: cut.length }, 'closed');
  return { elapsedMs, connections: connections.length, cut, stop };
}

/** Ends connections as soon as no work is under way for them, or in `timeoutMs`; returns those that had to be cut. */
async function endWhenFree(
  kernel: Kernel,
  connections: readonly PeerConnection[],
  timeoutMs: number,
): Promise<CutOff[]> {
  const end = (connection: PeerConnection): void => connection.endFor({ origin: 'shutdown' });
  const held = connections.filter(({ isHeld }) => isHeld);
  for (const connection of connections) if (!connection.isHeld) end(connection);
  if (held.length === 0) return [];
  const deadline = new Deadline(kernel.clock, timeoutMs);
  const endOnceFree = async (connection: PeerConnection): Promise<void> => {
    // The next piece of work may have begun in the turn in which the last one ended.
    while (connection.isHeld && connection.state === 'open') await connection.freed;
    end(connection);
  };
  await deadline.wait(Promise.all(held.map(endOnceFree)));
  deadline.cancel();
  const cut = held.filter(({ state }) => state === 'open');
  for (const connection of cut) end(connection);
  return cut.map(({ address, id }) => ({ what: 'work', address, connection: id }));
}

async function finishTeardown(connection: PeerConnection, cut: CutOff[]): Promise<void> {
  const { address, id } = connection;
  const outcome = await connection.teardown?.done;
  if (outcome === 'hook-abandoned') cut.push({ what: 'onDisconnect', address, connection: id });
  if (outcome === 'flush-abandoned') cut.push({ what: 'flush', address, connection: id });
}

/** Resolves when every stream that the node ever had is closed. */
async function linksClosed(kernel: Kernel): Promise<void> {
  const open = [...kernel.links.keys()].filter(({ stream }) => !stream.closed);
  await Promise.all(open.map(({ stream }) => new Promise((resolve) => stream.once('close', resolve))));
}
