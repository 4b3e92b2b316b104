import type { Duplex } from 'node:stream';
import type { PeerConnection } from '../connection/connection.js';
import { endWritable, setFlowing } from '../connection/foreign-stream.js';
import type { Deadline } from '../mechanisms/deadline.js';

/**
 * How many bytes of a peer that goes on sending are thrown away before the connection is cut: several times what the
 * buffers of two systems hold, so that a peer that reads at all has read our last words by then.
 */
const MOST_DISCARDED = 64 * 1024 * 1024;

/**
 * Has everything that was sent arrive at a peer that reads, so that the streams may be destroyed; false when the deadline
 * came before the operating system had all of it. INVARIANT: last-words-arrive.
 *
 * ```text
 *   flush -> our FIN ---------------------------> the peer's FIN -> destroy
 *   `- what comes in meanwhile is thrown away ---'
 * ```
 *
 * A socket that is closed with bytes unread, or that gets some afterwards, is reset by the system, which drops what it has
 * not sent yet. So the socket goes when nothing more can come. A peer that writes before it reads is served, too.
 *
 * note: nothing is owed, and nobody waited for, where not a byte was written to the link.
 */
export async function sayLastWords(connection: PeerConnection, deadline: Deadline): Promise<boolean> {
  const { stream, link, writer } = connection;
  const flushed = writer.finish();
  // Somebody reads from it, and the bytes are theirs.
  if (connection.isStreamTaken) return true;
  if (flushed === undefined && !connection.hasSpoken) return true;
  const inputOver = discardInput(stream, link.stream);
  if (flushed !== undefined && !(await deadline.wait(flushed))) return false;
  // An upgraded stream may hold bytes that it has not passed down yet.
  if (stream !== link.stream && !stream.destroyed) await deadline.wait(endWritable(stream));
  // Also to a peer that has ended its half: a stream that is not a socket may reset the peer where it is just destroyed.
  if (!link.stream.destroyed) await deadline.wait(endWritable(link.stream));
  await deadline.wait(inputOver);
  return true;
}

/**
 * Throws away what comes in; resolves when no more will, or when it was too much.
 *
 * note: the bytes of the link belong to `stream` on top of it, as long as that takes them.
 */
function discardInput(stream: Duplex, link: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let left = MOST_DISCARDED;
    const discard = (from: Duplex): void => {
      from.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left > 0) return;
        setFlowing(from, false);
        over();
      });
      if (setFlowing(from, true) !== undefined) over();
    };
    const discardBelow = (): void => discard(link);
    const over = (): void => resolve();
    if (isOver(link)) {
      over();
      return;
    }
    link.on('end', over).on('close', over).on('error', over);
    if (stream === link || isOver(stream)) {
      discardBelow();
    } else {
      // A stream may tell of both, or of one of them.
      const isDone = (): void => {
        stream.off('end', isDone).off('close', isDone);
        discardBelow();
      };
      stream.on('end', isDone).on('close', isDone);
      discard(stream);
    }
  });
}

/** Whether no more will come. */
function isOver(stream: Duplex): boolean {
  return stream.readableEnded || stream.destroyed;
}
