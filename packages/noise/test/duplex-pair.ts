import { Duplex } from 'node:stream';

/** One end of a pair: what is written here is read there, with backpressure. */
class End extends Duplex {
  other!: End;
  #waiting: (() => void) | undefined;

  override _read(): void {
    this.other.takeRoom();
  }

  takeRoom(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error) => void): void {
    if (this.other.destroyed || this.other.push(chunk)) callback();
    else this.#waiting = callback;
  }

  override _final(callback: () => void): void {
    if (!this.other.destroyed) this.other.push(null);
    callback();
  }
}

/** Two streams that are connected, without a network in between. */
export function duplexPair(): [Duplex, Duplex] {
  const [left, right] = [new End(), new End()];
  left.other = right;
  right.other = left;
  return [left, right];
}
