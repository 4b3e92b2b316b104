import { PeerError } from '@pea2pea/core';
import { TAG_LENGTH } from './cipher-state.js';

/** Bytes of the length before each message. */
export const HEADER_LENGTH = 2;

/** Pieces that are shorter, in bytes, are copied into blocks of this size until their message is whole. */
const BLOCK_LENGTH = 4 * 1024;

/** A transport message as it came: views into the chunks of the stream, or into blocks of what came in crumbs. */
export interface SealedMessage {
  readonly ciphertext: readonly Buffer[];
  readonly tag: Buffer;
}

/**
 * Cuts a stream into the messages in it, without putting together what came in several chunks.
 *
 * note: but for short pieces of a message that is not whole yet. A view takes some hundred bytes whatever its length, so
 * a peer that sends a message byte by byte would have us keep a multiple of it.
 *
 * ```text
 *   [ length: uint16, big endian | ciphertext | tag ] [ length | …
 * ```
 */
export class MessageReader {
  #chunk: Buffer | undefined;
  #at = 0;
  /** The first byte of a length that came in two chunks. */
  #firstByte: number | undefined;
  /** Of the message that is being read, without its tag; undefined between two messages. */
  #ciphertext: Buffer[] | undefined;
  /** Bytes of it that are still to come. */
  #missing = 0;
  /** Where the short pieces behind those of {@link #ciphertext} are, and how many bytes of it they fill. */
  #block: Buffer | undefined;
  #filled = 0;
  /** What of the tag came in an earlier chunk. */
  #tag: Buffer | undefined;

  /** Whether the stream would end inside a message if it ended here. */
  get isInsideMessage(): boolean {
    return this.#firstByte !== undefined || this.#ciphertext !== undefined;
  }

  /** The next chunk. The one before it must have been read to its end. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * The next message; undefined when it takes another chunk.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when a length is too small for a message
   */
  next(): SealedMessage | undefined {
    const chunk = this.#chunk;
    if (chunk === undefined || (this.#ciphertext === undefined && !this.#readLength(chunk))) return undefined;
    const available = Math.min(chunk.length - this.#at, this.#missing);
    const ofCiphertext = Math.min(available, Math.max(this.#missing - TAG_LENGTH, 0));
    if (ofCiphertext > 0) this.#keep(chunk.subarray(this.#at, this.#at + ofCiphertext));
    if (available > ofCiphertext) {
      const part = chunk.subarray(this.#at + ofCiphertext, this.#at + available);
      this.#tag = this.#tag === undefined ? part : Buffer.concat([this.#tag, part]);
    }
    this.#at += available;
    this.#missing -= available;
    if (this.#missing > 0) return this.#needChunk();
    const message = { ciphertext: this.#ciphertext!, tag: this.#tag! };
    this.#ciphertext = undefined;
    this.#tag = undefined;
    return message;
  }

  /** Keeps the next piece of the ciphertext: as it is, or where more short ones may follow it in a block. */
  #keep(piece: Buffer): void {
    const missing = this.#missing - TAG_LENGTH;
    if (piece.length >= BLOCK_LENGTH || piece.length === missing) {
      this.#closeBlock();
      this.#ciphertext!.push(piece);
      return;
    }
    // Not of the pool, all of which a block would keep.
    this.#block ??= Buffer.allocUnsafeSlow(Math.min(BLOCK_LENGTH, missing));
    const copied = piece.copy(this.#block, this.#filled);
    this.#filled += copied;
    if (this.#filled < this.#block.length) return;
    this.#closeBlock();
    if (copied === piece.length) return;
    const rest = Math.min(BLOCK_LENGTH, missing - copied);
    this.#block = Buffer.allocUnsafeSlow(rest);
    this.#filled = piece.copy(this.#block, 0, copied);
  }

  #closeBlock(): void {
    if (this.#block === undefined) return;
    this.#ciphertext!.push(this.#block.subarray(0, this.#filled));
    this.#block = undefined;
    this.#filled = 0;
  }

  #readLength(chunk: Buffer): boolean {
    if (this.#at === chunk.length) {
      this.#needChunk();
      return false;
    }
    const first = this.#firstByte ?? chunk[this.#at++]!;
    if (this.#at === chunk.length) {
      this.#firstByte = first;
      this.#needChunk();
      return false;
    }
    const length = first * 256 + chunk[this.#at++]!;
    this.#firstByte = undefined;
    if (length < TAG_LENGTH) {
      throw new PeerError(
        'P2P_ERR_INVALID_FRAME',
        `a Noise message of ${length} bytes has no room for its tag`,
      );
    }
    this.#ciphertext = [];
    this.#missing = length;
    return true;
  }

  #needChunk(): undefined {
    this.#chunk = undefined;
  }
}
