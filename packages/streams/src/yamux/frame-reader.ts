import { FrameType, HEADER_LENGTH, readHeader, type FrameHeader } from './frame.js';

/** Who is told of frames, in the order in which they came. */
export interface FrameHandler {
  /** A header has come. What it throws ends the reading. */
  onHeader(header: FrameHeader): void;
  /** A part of the body of the last header's frame: a view into the chunk. */
  onBody(header: FrameHeader, piece: Buffer): void;
  /** All of the frame has come. */
  onEnd(header: FrameHeader): void;
}

/**
 * Takes a stream of bytes apart. It holds back nothing but an unfinished header: bodies are passed on as they come.
 *
 * ```text
 *   header (12 bytes) -> body (data frames alone) -> header ...
 * ```
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  /** The bytes of a header that spans chunks. */
  readonly #partial = Buffer.alloc(HEADER_LENGTH);
  #partialLength = 0;
  /** The frame whose body is being read. */
  #header: FrameHeader | undefined;
  #bodyLeft = 0;
  #stopped = false;
  /** That have come. */
  #frames = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Whether a frame has begun and not ended. */
  get inFrame(): boolean {
    return this.#partialLength > 0 || this.#bodyLeft > 0;
  }

  /**
   * Takes the next bytes, up to the end of so many frames; returns how many bytes that were.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME, and what the handler throws.
   */
  feed(chunk: Buffer, maxFrames = Infinity): number {
    const lastFrame = this.#frames + maxFrames;
    let offset = 0;
    while (offset < chunk.length && !this.#stopped && this.#frames < lastFrame) {
      offset += this.#bodyLeft > 0 ? this.#takeBody(chunk, offset) : this.#takeHeader(chunk, offset);
    }
    return offset;
  }

  /** Passes on nothing more; also from within the handler. */
  stop(): void {
    this.#stopped = true;
  }

  #takeBody(chunk: Buffer, offset: number): number {
    const piece = chunk.subarray(offset, offset + this.#bodyLeft);
    this.#bodyLeft -= piece.length;
    this.#handler.onBody(this.#header!, piece);
    if (this.#bodyLeft === 0) this.#frameEnds(this.#header!);
    return piece.length;
  }

  #takeHeader(chunk: Buffer, offset: number): number {
    const taken = chunk.copy(this.#partial, this.#partialLength, offset);
    this.#partialLength += taken;
    if (this.#partialLength < HEADER_LENGTH) return taken;
    this.#partialLength = 0;
    const header = readHeader(this.#partial);
    this.#header = header;
    this.#bodyLeft = header.type === FrameType.data ? header.length : 0;
    this.#handler.onHeader(header);
    if (this.#bodyLeft === 0) this.#frameEnds(header);
    return taken;
  }

  #frameEnds(header: FrameHeader): void {
    this.#frames++;
    this.#handler.onEnd(header);
  }
}
