import type { Duplex } from 'node:stream';
import { MessageChannel, type MessagePort } from 'node:worker_threads';

// Each chunk that a socket brings is memory of its own outside of the heap, up to 64 KiB. If it is left to the collector, megabytes
// of them make V8 mark the whole heap again and again, as soon as a program holds some 8 MB of its own. If it is freed at once, the
// next chunk takes the same memory.

const kOwnMemory = Symbol('pea2pea.own-memory');
type MarkedStream = Duplex & { [kOwnMemory]?: true };

/** From this size on, in bytes, it is cheaper to free memory at once than to leave it to the collector. */
export const LEAST_FREED = 4 * 1024;

/**
 * Says of `stream` that each chunk that it brings is memory of its own, which nobody else has seen; and that it has done with
 * the bytes that it was given when it calls back without an error.
 *
 * note: true of sockets that nobody else reads from. A stream that passes on what it was given, or shares memory between its
 * chunks, must not be marked: its bytes would be gone for others.
 */
export function markOwnMemory(stream: Duplex): void {
  if (isNode) (stream as MarkedStream)[kOwnMemory] = true;
}

/** Whether {@link markOwnMemory} was said of it. */
export function hasOwnMemory(stream: Duplex): boolean {
  return (stream as MarkedStream)[kOwnMemory] === true;
}

/** Where chunks come from whose memory may be freed: a stream that is marked, or one in which bytes waited before. */
export type ChunkOrigin = Duplex | { readonly stream: Duplex; earlier: number };

/**
 * The origin of the chunks of `stream` from now on, undefined where their memory is not to be freed. To be asked when the
 * reading begins, and all that went back into the stream is there again.
 */
export function originOf(stream: Duplex): ChunkOrigin | undefined {
  if (!hasOwnMemory(stream)) return undefined;
  // Somebody may have looked at what waits in it, and put it back. An idle connection pays for no object.
  return stream.readableLength === 0 ? stream : { stream, earlier: stream.readableLength };
}

/** Whether nobody but the one listener for `data` that asks has `chunk`, which came just now. */
export function isOurs(origin: ChunkOrigin, chunk: Buffer): boolean {
  const isFresh = !('earlier' in origin);
  if (!isFresh && origin.earlier > 0) {
    origin.earlier -= chunk.length;
    return false;
  }
  const stream = isFresh ? origin : origin.stream;
  return chunk.length >= LEAST_FREED && stream.listenerCount('data') === 1;
}

/**
 * Frees the memory of `bytes` at once, if they are all that is in it, and enough. Whoever still has a view of it sees no
 * bytes any more, never those of others.
 *
 * note: only for memory that nobody needs any more; of that, a write that is under way is not told.
 */
export function free(bytes: Buffer): void {
  const { buffer, byteLength } = bytes;
  if (byteLength < LEAST_FREED || byteLength !== buffer.byteLength) return;
  if (canTransfer) (buffer as unknown as Transferable).transfer(0);
  else if (isNode) throughClosedPort(buffer as ArrayBuffer);
}

interface Transferable {
  transfer(byteLength: number): ArrayBuffer;
}

const isNode = process.versions['bun'] === undefined && process.versions['deno'] === undefined;
/** From Node 21 on. */
const canTransfer = isNode && 'transfer' in ArrayBuffer.prototype;

let closedPort: MessagePort | undefined;
let isClosed = false;

/** What is posted into a port that has closed goes nowhere, and its memory is free. */
function throughClosedPort(buffer: ArrayBuffer): void {
  if (isClosed) closedPort!.postMessage(undefined, [buffer]);
  else if (closedPort === undefined) {
    closedPort = new MessageChannel().port1;
    closedPort.once('close', () => (isClosed = true));
    closedPort.close();
  }
}
