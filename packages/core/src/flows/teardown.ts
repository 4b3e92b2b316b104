import type { DisconnectReason } from '../contracts/connection.js';
import { peerFields } from '../contracts/peer-fields.js';
import { Deadline } from '../mechanisms/deadline.js';
import { isPromise } from '../authoring/thenable.js';
import type { PeerConnection, TeardownOutcome } from '../connection/connection.js';
import type { Kernel } from '../connection/kernel.js';
import { discard } from '../connection/foreign-stream.js';
import { sayLastWords } from './last-words.js';

/**
 * Ends a connection: the one way out for every cause, in either direction.
 *
 * ```text
 *   claim -> stop reading -> onDisconnect -> flush -> our FIN -> the peer's FIN -> destroy -> release the slot
 *            `------------------ one deadline: onDisconnectTimeoutMs ----------'
 * ```
 *
 * True for the call that claimed the teardown, when it is done; false at once for any other.
 */
export function disconnect(
  kernel: Kernel,
  connection: PeerConnection,
  reason: DisconnectReason,
): Promise<boolean> {
  // INVARIANT: one-teardown. The first cause claims the connection, in this very turn.
  const claimed = connection.claimTeardown(() => {
    const deadline = new Deadline(kernel.clock, kernel.config.onDisconnectTimeoutMs);
    // The hook runs in a later turn, so that it never runs in the middle of the caller's own code.
    const done = Promise.resolve().then(() => tearDown(kernel, connection, reason, deadline));
    return { reason, cut: () => deadline.expire(), done };
  });
  if (claimed === undefined) return Promise.resolve(false);
  connection.reader.stop();
  connection.abortSignal(); // runs code of users: what can be seen of the connection agrees by now
  return claimed.done.then(() => true);
}

async function tearDown(
  kernel: Kernel,
  connection: PeerConnection,
  reason: DisconnectReason,
  deadline: Deadline,
): Promise<TeardownOutcome> {
  kernel.sweeper.remove(connection);
  kernel.outcomes.ending(connection, reason);
  const writingFailed = reason.origin === 'writing';
  if (writingFailed) connection.writer.end();

  let outcome: TeardownOutcome = 'complete';
  const hooksSettled = await runDisconnectHooks(kernel, connection, reason, deadline);
  if (!hooksSettled) {
    outcome = 'hook-abandoned';
    kernel.heuristics.hookTimeouts++;
    kernel.logger.error(peerFields(connection), 'onDisconnect took too long and was abandoned');
  }
  if (reason.origin === 'detached') {
    // The stream is somebody else's.
  } else if (writingFailed) {
    cutStreams(connection);
  } else if (!hooksSettled) {
    closeStreams(connection);
  } else if (await saidLastWords(connection, deadline)) {
    closeStreams(connection);
  } else {
    outcome = 'flush-abandoned';
    cutStreams(connection);
  }
  deadline.cancel();
  connection.writer.end();
  // INVARIANT: address-stays-taken. Until here.
  connection.slot.release();
  connection.close();
  kernel.outcomes.closed(connection, reason);
  return outcome;
}

/**
 * Runs every hook, one after the other; false when the deadline cut one off. Those after it are called all the same,
 * and not waited for. INVARIANT: hook-hurts-its-own.
 */
async function runDisconnectHooks(
  kernel: Kernel,
  connection: PeerConnection,
  reason: DisconnectReason,
  deadline: Deadline,
): Promise<boolean> {
  let inTime = true;
  for (const { layer, call } of kernel.hooks.disconnect) {
    // INVARIANT: paired-hooks. Who was not told of the connection is not told of its end.
    if (layer >= connection.layersReached) continue;
    const onError = (error: unknown): void => {
      kernel.hookThrew('onDisconnect', error, connection);
      kernel.logFault(error, connection, 'onDisconnect threw');
    };
    try {
      const answer = call(connection, reason);
      if (isPromise(answer) && !(await deadline.wait(Promise.resolve(answer).then(undefined, onError))))
        inTime = false;
    } catch (error) {
      onError(error);
    }
  }
  return inTime;
}

/** False where they did not go out in time, or a stream that somebody brought along threw. */
async function saidLastWords(connection: PeerConnection, deadline: Deadline): Promise<boolean> {
  try {
    return await sayLastWords(connection, deadline);
  } catch {
    return false; // what it threw matters no more: the connection has its reason
  }
}

/** Resets before it destroys: the peer must see a reset, not a clean end of the stream. */
function cutStreams({ stream, link }: PeerConnection): void {
  discard(() => link.reset());
  discard(() => stream.destroy());
}

function closeStreams({ stream, link }: PeerConnection): void {
  discard(() => stream.destroy());
  discard(() => link.stream.destroy());
}
