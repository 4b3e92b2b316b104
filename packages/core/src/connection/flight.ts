import type { Duplex } from 'node:stream';
import { diagnostics } from '../contracts/diagnostics.js';
import type { Batch } from '../mechanisms/batch.js';
import { SLOWEST_BYTES } from '../mechanisms/stall-watch.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import { showBytes } from './show-bytes.js';

/** Handed to the stream at once, so that a slow peer's progress shows at least this often. */
export const WRITE_BYTES = SLOWEST_BYTES;

/** Hands the next part of `flight` to the stream, as one write. */
export function writePart(
  flight: Batch,
  stream: Duplex,
  onWritten: (error?: Error | null) => void,
  node: NodeContext,
  connection: InnerConnection,
): void {
  const { segments } = flight;
  const first = flight.next;
  let size = 0;
  while (flight.next < segments.length && size < WRITE_BYTES) {
    const segment = segments[flight.next]!;
    const room = WRITE_BYTES - size;
    if (segment.length > room) {
      // A payload too large for one write: its rest is a segment of its own.
      segments.splice(flight.next, 1, segment.subarray(0, room), segment.subarray(room));
    }
    size += segments[flight.next]!.length;
    flight.next++;
  }
  flight.writing = size;
  const last = flight.next - 1;
  if (diagnostics.bytesSent.hasSubscribers) {
    // Before the write, inside of which the peer may reply.
    for (let index = first; index <= last; index++)
      showBytes('bytesSent', node, connection, segments[index]!);
  }
  if (first === last) {
    stream.write(segments[last], onWritten);
    return;
  }
  stream.cork();
  for (let index = first; index < last; index++) stream.write(segments[index]);
  stream.write(segments[last], onWritten);
  stream.uncork();
}

export function countSent(traffic: { messagesSent: number; bytesSent: number }, flight: Batch): void {
  traffic.messagesSent += flight.messages;
  traffic.bytesSent += flight.bytes;
}
