import { PeerError } from '@pea2pea/core';
import { TAG_LENGTH } from './cipher-state.js';

/** Bytes of the length before each message. */
export const HEADER_LENGTH = 2;

/** A transport message as it came: views into the chunks of the stream. */
export interface SealedMessage {
  readonly ciphertext: readonly Buffer[];
  readonly tag: Buffer;
}

/**
 * Cuts a stream into the messages in it, without putting together what came in several chunks.
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
    const ciphertext = this.#ciphertext!;
    const available = Math.min(chunk.length - this.#at, this.#missing);
    const ofCiphertext = Math.min(available, Math.max(this.#missing - TAG_LENGTH, 0));
    if (ofCiphertext > 0) ciphertext.push(chunk.subarray(this.#at, this.#at + ofCiphertext));
    if (available > ofCiphertext) {
      const part = chunk.subarray(this.#at + ofCiphertext, this.#at + available);
      this.#tag = this.#tag === undefined ? part : Buffer.concat([this.#tag, part]);
    }
    this.#at += available;
    this.#missing -= available;
    if (this.#missing > 0) return this.#needChunk();
    const message = { ciphertext, tag: this.#tag! };
    this.#ciphertext = undefined;
    this.#tag = undefined;
    return message;
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
