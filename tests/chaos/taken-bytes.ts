import type { Duplex } from 'node:stream';

/** How many bytes of a stream its reader has and did not put back, by stream. */
const taken = new WeakMap<Duplex, number>();

/** Counts from now on what is read from `stream`, whoever reads, and what is put back into it. */
export function countTaken(stream: Duplex): void {
  const { emit, unshift } = stream;
  const add = (bytes: number): void => void taken.set(stream, takenFrom(stream)! + bytes);
  taken.set(stream, 0);
  stream.emit = (event: string | symbol, ...values: unknown[]) => {
    if (event === 'data') add((values[0] as Buffer).length);
    return Reflect.apply(emit, stream, [event, ...values]);
  };
  stream.unshift = (chunk: Buffer) => {
    add(-chunk.length);
    return Reflect.apply(unshift, stream, [chunk]);
  };
}

/** Undefined where nobody counts. */
export function takenFrom(stream: Duplex): number | undefined {
  return taken.get(stream);
}
