import { PeerError } from '@pea2pea/core';
import { free } from '@pea2pea/core/authoring';
import { TAG_LENGTH } from './cipher-state.js';

/** Bytes of the length field before each message. */
export const HEADER_LENGTH = 2;

/** Size in bytes of the blocks into which shorter pieces are copied until their message is complete. */
const BLOCK_LENGTH = 4 * 1024;

/** A transport message as received: views into the chunks of the stream, or into blocks for what came in small pieces. */
export interface SealedMessage {
  readonly ciphertext: readonly Buffer[];
  readonly tag: Buffer;
}

/**
 * Splits a stream into its messages, without joining those that arrived in several chunks.
 *
 * note: short pieces of an incomplete message are copied together. A view takes some hundred bytes whatever its length,
 * so a peer that sends byte by byte would otherwise make us keep a multiple of its message.
 *
 * ```text
 *   [ length: uint16, big endian | ciphertext | tag ] [ length | …
 * ```
 */
export class MessageReader {
  #chunk: Buffer | undefined;
  #at = 0;
  /** Whether the chunk is freed when it is used up. */
  #isOurs = false;
  /** Used up chunks with a part of the current message, or of the one that was returned last, to be freed after it. */
  #held: Buffer[] = [];
  /** The first byte of a length field that was split between two chunks. */
  #firstByte: number | undefined;
  /** The ciphertext read so far of the current message, without its tag; undefined between two messages. */
  #ciphertext: Buffer[] | undefined;
  /** Bytes of the current message that have not arrived. */
  #missing = 0;
  /** The block that collects the short pieces after those in {@link #ciphertext}, and how many bytes of it are in use. */
  #block: Buffer | undefined;
  #filled = 0;
  /** The part of the tag that arrived in an earlier chunk. */
  #tag: Buffer | undefined;

  /** Whether a stream that ended here would end inside a message. */
  get isInsideMessage(): boolean {
    return this.#firstByte !== undefined || this.#ciphertext !== undefined;
  }

  /**
   * Adds the next chunk. {@link next} must have returned undefined for the one before it.
   * @param isOurs whether nobody else has it, so that its memory is freed when it is no longer needed
   */
  push(chunk: Buffer, isOurs = false): void {
    this.#chunk = chunk;
    this.#at = 0;
    this.#isOurs = isOurs;
  }

  /**
   * The next message; undefined when it needs another chunk. What was returned before is not needed any more.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when a length field is too small for a message
   */
  next(): SealedMessage | undefined {
    if (this.#ciphertext === undefined && this.#held.length > 0) this.#freeHeld();
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

  /** Keeps the next piece of the ciphertext: as a view, or copied into a block where more short pieces may follow. */
  #keep(piece: Buffer): void {
    const missing = this.#missing - TAG_LENGTH;
    if (piece.length >= BLOCK_LENGTH || piece.length === missing) {
      this.#closeBlock();
      this.#ciphertext!.push(piece);
      return;
    }
    // Not from the pool: a block would keep all of the pool's slab alive.
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
    const chunk = this.#chunk!;
    this.#chunk = undefined;
    if (!this.#isOurs) return;
    if (this.#ciphertext === undefined) free(chunk);
    else this.#held.push(chunk);
  }

  #freeHeld(): void {
    for (const chunk of this.#held) free(chunk);
    this.#held = [];
  }
}
