/** Pieces below it are gathered in blocks of this size. */
const BLOCK_LENGTH = 4 * 1024;

/**
 * Bytes that wait for their reader, at about their own price: a peer that sends them one by one does not cost us an
 * object for each, and a piece that is small against the memory that holds it is copied, not kept with all of that.
 *
 * note: a `ChunkQueue` would keep that memory: it owns the chunks that it is given, while these are parts of chunks that
 * all streams of a session share.
 */
export class ReceiveBuffer {
  /** In order; the last may still be gathered in. */
  readonly #pieces: Buffer[] = [];
  /** The block that holds the last piece, and how much of it that piece has. */
  #block: Buffer | undefined;
  #blockUsed = 0;
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  push(piece: Buffer): void {
    this.#length += piece.length;
    if (piece.length < BLOCK_LENGTH) {
      this.#gather(piece);
      return;
    }
    this.#block = undefined;
    this.#pieces.push(2 * piece.length < piece.buffer.byteLength ? copyOf(piece) : piece);
  }

  /** The next bytes, as many as lie together. */
  shift(): Buffer | undefined {
    const piece = this.#pieces.shift();
    if (piece === undefined) return undefined;
    if (this.#pieces.length === 0) this.#block = undefined;
    this.#length -= piece.length;
    return piece;
  }

  clear(): void {
    this.#pieces.length = 0;
    this.#block = undefined;
    this.#length = 0;
  }

  #gather(piece: Buffer): void {
    let rest = piece;
    while (rest.length > 0) {
      if (this.#block === undefined || this.#blockUsed === BLOCK_LENGTH) {
        this.#block = Buffer.allocUnsafeSlow(BLOCK_LENGTH);
        this.#blockUsed = 0;
        this.#pieces.push(this.#block.subarray(0, 0));
      }
      const taken = rest.copy(this.#block, this.#blockUsed);
      this.#blockUsed += taken;
      this.#pieces[this.#pieces.length - 1] = this.#block.subarray(0, this.#blockUsed);
      rest = rest.subarray(taken);
    }
  }
}

/** In memory of its own: that of `Buffer.from` may be part of a pool, which it would keep. */
function copyOf(piece: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(piece.length);
  piece.copy(copy);
  return copy;
}
