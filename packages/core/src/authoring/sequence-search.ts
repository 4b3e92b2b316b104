import type { ByteQueue } from '../contracts/codec.js';

/**
 * Searches a queue that grows for the first occurrence of a sequence, and reads each byte once, however it drips in.
 *
 * note: of one queue. After what was found has been consumed, call {@link restart}.
 */
export class SequenceSearch {
  readonly #sequence: Uint8Array;
  /** No occurrence begins before this offset. */
  #searched = 0;

  /** @throws {RangeError} when the sequence is empty */
  constructor(sequence: Uint8Array) {
    if (sequence.length === 0) throw new RangeError('a sequence to search for has at least one byte');
    this.#sequence = sequence;
  }

  /** The offset of the sequence in `queue`, or -1 when more bytes are needed. */
  find(queue: ByteQueue): number {
    const found = queue.indexOf(this.#sequence, this.#searched);
    this.#searched =
      found === -1 ? Math.max(this.#searched, queue.length - this.#sequence.length + 1) : found;
    return found;
  }

  /**
   * After {@link find} returned -1: bytes before the first place where the sequence may begin, once more have come.
   *
   * note: for limits. What may be the beginning of the sequence does not count as content yet.
   */
  lengthBefore(queue: ByteQueue): number {
    while (this.#searched < queue.length && !this.#mayBeginAt(this.#searched, queue)) this.#searched++;
    return this.#searched;
  }

  /** Begins again at the first byte of the queue. */
  restart(): void {
    this.#searched = 0;
  }

  #mayBeginAt(offset: number, queue: ByteQueue): boolean {
    for (let at = offset; at < queue.length; at++) {
      if (queue.peek(at) !== this.#sequence[at - offset]) return false;
    }
    return true;
  }
}

/** Where `sequence` begins in `chunk`. To look for its first byte is several times as fast, unless that occurs again and again. */
export function indexIn(chunk: Buffer, sequence: Uint8Array, from: number): number {
  const first = sequence[0]!;
  let at = from;
  for (let tries = 0; tries < 8; tries++) {
    at = chunk.indexOf(first, at);
    if (at === -1 || continues(chunk, sequence, at)) return at;
    at++;
  }
  return chunk.indexOf(sequence, at);
}

function continues(chunk: Buffer, sequence: Uint8Array, at: number): boolean {
  for (let index = 1; index < sequence.length; index++) {
    if (chunk[at + index] !== sequence[index]) return false;
  }
  return true;
}
