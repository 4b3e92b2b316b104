import type { Duplex } from 'node:stream';
import { isUint8Array } from 'node:util/types';

// Streams that somebody brought along may be in object mode, have an encoding, or throw where no other does. Each costs its
// own connection, not the node.

/**
 * What a stream brought, or an error where it is not bytes. That must not be counted as such: the budgets of the node would
 * never be right again. INVARIANT: bounded-memory.
 */
export function asBytes(chunk: unknown): Buffer | TypeError {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (isUint8Array(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return new TypeError(
    `the stream brought a ${typeof chunk}, not bytes: it must have no encoding, and not be in object mode`,
  );
}

/** Lets go of a stream, though doing so may throw: whatever ends it has its reason already. */
export function discard(destroy: () => void): void {
  try {
    destroy();
  } catch {
    // There is nothing more to be done about it.
  }
}

/** Ends the writable half; resolves with whether all that it held was passed on, and with false when it cannot be any more. */
export function endWritable(stream: Duplex): Promise<boolean> {
  // Where it has closed already, neither its callback nor `close` comes.
  if (stream.destroyed) return Promise.resolve(stream.writableFinished);
  return new Promise((resolve) => {
    const isOver = (): void => {
      discard(() => stream.off('close', isOver));
      resolve(stream.writableFinished);
    };
    stream.once('close', isOver);
    stream.end(isOver);
  });
}

/** Pauses or resumes `stream`; returns an error where it threw. */
export function setFlowing(stream: Duplex, flows: boolean): Error | undefined {
  try {
    if (!flows) stream.pause();
    else if (stream.isPaused()) stream.resume();
    return undefined;
  } catch (cause) {
    return new Error(`the stream could not be ${flows ? 'resumed' : 'paused'}`, { cause });
  }
}
