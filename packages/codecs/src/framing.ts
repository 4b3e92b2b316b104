import { isUint8Array } from 'node:util/types';
import { PeerError } from '@pea2pea/core';
import type { Codec } from '@pea2pea/core';

/**
 * A codec that carries bytes in frames. {@link lengthDelimited}, {@link varintDelimited}, {@link delimiter},
 * {@link fixedLength} are, and what {@link transformed} and {@link compressed} make of one.
 */
export type BytesFraming = Codec<Buffer, Uint8Array>;

/**
 * A codec that carries strings in frames: it takes a string to send, and returns the received one as a string or as
 * its UTF-8 bytes. Every framing of this package is one.
 */
export type TextFraming = Codec<Buffer | string, string>;

/** The method of {@link HeadFilling}; no part of what a codec promises to users. */
export const FILL_HEAD: unique symbol = Symbol('fillHead');

/** A framing whose messages contain what it fills in when it sends them. */
export interface HeadFilling {
  /** Fills it in at the beginning of `message`, for a payload of `length` bytes in all. */
  readonly [FILL_HEAD]?: ((message: Buffer, length: number) => void) | undefined;
}

/**
 * The bytes of what a framing was given to send.
 * @throws {PeerError} P2P_ERR_INVALID_FRAME when it is neither bytes nor text.
 */
export function bytesOf(payload: Uint8Array | string, codec: string): Uint8Array {
  if (typeof payload === 'string') return Buffer.from(payload, 'utf8');
  if (isUint8Array(payload)) return payload;
  throw wrongType(codec, 'a Uint8Array or a string', payload);
}

/** The codec was given something to send that it does not take. Its type alone is named: its content is a message. */
export function wrongType(codec: string, takes: string, given: unknown): PeerError {
  const type =
    given === null || given === undefined
      ? String(given)
      : typeof given === 'object'
        ? 'an object'
        : `a ${typeof given}`;
  return new PeerError('P2P_ERR_INVALID_FRAME', `${codec} sends ${takes}, not ${type}`, {
    remedy: 'send that, or use a codec for what you send; the connection lives on',
  });
}

/** The same bytes, with the methods of a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
