import { isUint8Array } from 'node:util/types';
import { PeerError } from '@pea2pea/core';
import type { ByteSink, Encoder } from '@pea2pea/core';
import { bytesOf, wrongType } from './framing.js';
import { declaresTooMuch, type LengthLayout } from './length-layout.js';

/** The encoder for frames of `layout`, which its decoder reads. */
export function lengthEncoder(layout: LengthLayout): HeadBefore | HeadInMessage {
  const { fieldOffset, fieldLength, skip } = layout;
  return skip >= fieldOffset + fieldLength ? new HeadBefore(layout) : new HeadInMessage(layout);
}

/**
 * Writes a head that is the same for all messages, but for the length:
 *
 * ```text
 *   [ magic, zeros | length | zeros | message ]
 *   `---------- numSkip ----------'
 * ```
 */
export class HeadBefore implements Encoder<Uint8Array | string> {
  readonly #layout: LengthLayout;
  readonly #before: Buffer | undefined;
  readonly #after: Buffer | undefined;

  constructor(layout: LengthLayout) {
    const { fieldOffset, fieldLength, skip } = layout;
    this.#layout = layout;
    this.#before = fieldOffset === 0 ? undefined : leadOf(layout, fieldOffset);
    const rest = skip - fieldOffset - fieldLength;
    this.#after = rest === 0 ? undefined : Buffer.alloc(rest);
  }

  encode(payload: Uint8Array | string, output: ByteSink): void {
    if (typeof payload === 'string') {
      this.#encodeText(payload, output);
    } else if (isUint8Array(payload)) {
      this.#writeHead(payload.length, output);
      output.write(payload);
    } else {
      throw wrongType('lengthDelimited()', 'a Uint8Array or a string', payload);
    }
  }

  #encodeText(text: string, output: ByteSink): void {
    const { limit, fieldLength, endianness, adjustment } = this.#layout;
    // A UTF-16 unit takes three bytes of UTF-8 at most. Where even that fits, writing does the counting.
    if (adjustment <= 0 && text.length * 3 - adjustment <= limit) {
      if (this.#before !== undefined) output.write(this.#before);
      const field = output.reserve(fieldLength);
      if (this.#after !== undefined) output.write(this.#after);
      output.patchUInt(field, output.writeText(text) - adjustment, fieldLength, endianness);
      return;
    }
    this.#writeHead(Buffer.byteLength(text), output);
    output.writeText(text);
  }

  /** Throws before it writes, so that a refused payload leaves nothing behind. */
  #writeHead(size: number, output: ByteSink): void {
    const { fieldLength, endianness } = this.#layout;
    const declared = declaredLength(size, this.#layout);
    if (this.#before !== undefined) output.write(this.#before);
    output.writeUInt(declared, fieldLength, endianness);
    if (this.#after !== undefined) output.write(this.#after);
  }
}

/**
 * Writes messages that contain their head, or the end of it, whose length is filled in:
 *
 * ```text
 *   [ magic, zeros | head of the message | length | rest of the message ]
 *   `- numSkip ---'
 * ```
 */
export class HeadInMessage implements Encoder<Uint8Array | string> {
  readonly #layout: LengthLayout;
  /** What no message determines: the magic bytes, and zeros for what is skipped. */
  readonly #lead: Buffer | undefined;
  /** From where to where of a message its head is before the length, and where it goes on after that. */
  readonly #start: number;
  readonly #end: number;
  readonly #rest: number;

  constructor(layout: LengthLayout) {
    const { fieldOffset, fieldLength, skip, magic } = layout;
    const lead = Math.max(magic?.length ?? 0, Math.min(skip, fieldOffset));
    this.#layout = layout;
    this.#lead = lead === 0 ? undefined : leadOf(layout, lead);
    this.#start = lead - Math.min(skip, fieldOffset);
    this.#end = Math.max(fieldOffset - skip, 0);
    this.#rest = fieldOffset + fieldLength - skip;
  }

  encode(message: Uint8Array | string, output: ByteSink): void {
    const { fieldLength, endianness } = this.#layout;
    const bytes = bytesOf(message, 'lengthDelimited()');
    const declared = declaredLength(bytes.length, this.#layout);
    this.#requireHead(bytes.length);
    if (this.#lead !== undefined) output.write(this.#lead);
    // Byte by byte: a view costs more than the few bytes that most heads have.
    for (let at = this.#start; at < this.#end; at++) output.writeUInt(bytes[at]!, 1);
    output.writeUInt(declared, fieldLength, endianness);
    if (bytes.length > this.#rest) output.write(bytes.subarray(this.#rest));
  }

  /** Writes into a message what {@link encode} would write in its place, save a length of which a part is skipped. */
  fillHead(message: Buffer, length: number): void {
    const { fieldOffset, fieldLength, endianness, skip } = this.#layout;
    this.#requireHead(message.length);
    this.#lead?.copy(message, 0, skip);
    let rest = declaredLength(length, this.#layout);
    for (let index = 0; index < fieldLength; index++, rest = Math.floor(rest / 256)) {
      const at = fieldOffset - skip + (endianness === 'big' ? fieldLength - 1 - index : index);
      if (at >= 0) message[at] = rest % 256;
    }
  }

  #requireHead(length: number): void {
    if (length < this.#rest) throw lacksHead(length, this.#rest);
  }
}

/** The first `length` bytes of every frame. */
function leadOf({ magic }: LengthLayout, length: number): Buffer {
  const lead = Buffer.alloc(length);
  magic?.copy(lead);
  return lead;
}

/** What a frame with a message of `size` bytes declares. */
function declaredLength(size: number, { limit, adjustment }: LengthLayout): number {
  const declared = size - adjustment;
  if (declared > limit) throw declaresTooMuch(declared, limit);
  if (declared < 0) {
    throw new PeerError(
      'P2P_ERR_INVALID_FRAME',
      `a payload of ${size} bytes is shorter than the adjustment of ${adjustment}`,
    );
  }
  return declared;
}

function lacksHead(size: number, head: number): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', `a message of ${size} bytes lacks its head of ${head}`, {
    remedy:
      'leave room for the length in what you send, or let `numSkip` leave out the head; the connection lives on',
  });
}
