import type { DisconnectReason } from '../contracts/connection.js';
import { PeerError } from '../errors/errors.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** A connection, with what there is to judge. */
interface Judged extends InnerConnection {
  readonly reader: Reader;
  readonly writer: Writer;
}

type Overdue = 'idle' | 'stalled' | 'frame-over-budget' | 'queue-over-budget';

/** What the peer has been doing, or not doing, for too long, if anything. */
export function findOverdue(
  { config: { pressureTimeoutMs } }: NodeContext,
  { state, reader, writer, limits: { idleTimeoutMs, writeTimeoutMs } }: Judged,
  nowMs: number,
  polledAtMs: number,
): Overdue | undefined {
  if (state !== 'open') return undefined;
  if (idleTimeoutMs > 0 && reader.silentForMs(nowMs, polledAtMs, writer.flushedBytes) >= idleTimeoutMs)
    return 'idle';
  if (reader.pressedForMs(polledAtMs) >= pressureTimeoutMs) return 'frame-over-budget';
  if (writer.pressedForMs(nowMs, polledAtMs) >= pressureTimeoutMs) return 'queue-over-budget';
  return writer.stalledForMs(nowMs, polledAtMs) >= writeTimeoutMs ? 'stalled' : undefined;
}

/** Ends `connection`, if something is overdue now that whatever had come by `polledAtMs` has been heard. */
export function judge(node: NodeContext, connection: Judged, nowMs: number, polledAtMs: number): void {
  const reason = verdictOn(node, connection, findOverdue(node, connection, nowMs, polledAtMs));
  if (reason === undefined) return;
  connection.endFor(reason);
  // What was queued is lost. It makes room now, so that those that hold less need not be ended, too.
  if (reason.origin === 'writing' && reason.cause === 'over-budget') connection.writer.end();
}

function verdictOn(
  { heuristics, config }: NodeContext,
  { address, limits, reader }: Judged,
  found: Overdue | undefined,
): DisconnectReason | undefined {
  // INVARIANT: two-budgets. Who holds most pays first.
  const overBudget = (origin: 'reading' | 'writing', what: string): DisconnectReason => {
    heuristics.pressureTimeouts++;
    const error = new PeerError(
      'P2P_ERR_OVER_BUDGET',
      `${address} holds more than its share of the memory for ${origin}, and in ${config.pressureTimeoutMs} ms ${what}`,
    );
    return { origin, cause: 'over-budget', error };
  };
  switch (found) {
    case undefined:
      return undefined;
    case 'idle':
      // A peer that has gone waits for its last messages to be handled no longer than that, either.
      if (reader.decoding.ending !== undefined && !config.halfOpen) return reader.decoding.ending;
      heuristics.idleTimeouts++;
      return { origin: 'reading', cause: 'idle-timeout' };
    case 'frame-over-budget':
      return overBudget('reading', 'the frame that it sends is not complete');
    case 'queue-over-budget':
      return overBudget('writing', 'it has not taken what is queued for it');
    case 'stalled': {
      heuristics.writeTimeouts++;
      const what = `${address} took less than 256 KiB in ${limits.writeTimeoutMs} ms`;
      return { origin: 'writing', cause: 'timeout', error: new PeerError('P2P_ERR_WRITE_TIMEOUT', what) };
    }
  }
}
