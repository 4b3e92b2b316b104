/**
 * Blocks this thread for a moment, in which what it wrote to sockets of its own arrives: a busy system does not deliver
 * over the loopback at once.
 */
export function letArrive(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
}
