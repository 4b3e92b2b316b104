import { PeerError } from '@pea2pea/core';

/** Bytes of the header of every frame: version, type, flags, stream id and length, big endian. */
export const HEADER_LENGTH = 12;
/** The only version there is. */
const VERSION = 0;

/** What a frame is: the specification's Type field. */
export const FrameType = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** The specification's Flag field: a set of bits. */
export const Flag = { SYN: 1, ACK: 2, FIN: 4, RST: 8 } as const;
const ALL_FLAGS = Flag.SYN | Flag.ACK | Flag.FIN | Flag.RST;

/** Why a session is ended: what a Go Away frame carries. */
export const GoAwayCode = { normal: 0, protocolError: 1, internalError: 2 } as const;
export type GoAwayCode = (typeof GoAwayCode)[keyof typeof GoAwayCode];

/** The bytes that every stream may receive before its first window update, in both directions. */
export const INITIAL_WINDOW = 256 * 1024;
/** A window is a number of 32 bits. */
export const MAX_WINDOW = 2 ** 32 - 1;

/** The header of a frame. */
export interface FrameHeader {
  /** What the frame is for. */
  readonly type: FrameType;
  /** Bits of {@link Flag}. */
  readonly flags: number;
  /** 0: the session itself. */
  readonly streamId: number;
  /**
   * In `data`: the bytes after the header. In `windowUpdate`: the bytes by which the window grows. In `ping`: an
   * opaque value that the reply repeats. In `goAway`: a {@link GoAwayCode}.
   */
  readonly length: number;
}

/** Writes `header` at the start of `bytes`. */
export function writeHeader(bytes: Buffer, { type, flags, streamId, length }: FrameHeader): void {
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt8(type, 1);
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt32BE(streamId, 4);
  bytes.writeUInt32BE(length, 8);
}

/** The bytes of a frame; `body` for those of type `data` alone, which copies it. */
export function encodeFrame(header: FrameHeader, body?: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_LENGTH + (body?.length ?? 0));
  writeHeader(bytes, header);
  if (body !== undefined) bytes.set(body, HEADER_LENGTH);
  return bytes;
}

/**
 * Reads the header in the first {@link HEADER_LENGTH} bytes of `bytes`.
 * @throws {PeerError} P2P_ERR_INVALID_FRAME for what no frame of version 0 may say, whatever the state of the session.
 */
export function readHeader(bytes: Buffer): FrameHeader {
  const version = bytes.readUInt8(0);
  if (version !== VERSION) throw violation(`a frame has version ${version}`);
  const type = bytes.readUInt8(1);
  if (type > FrameType.goAway) throw violation(`a frame has the unknown type ${type}`);
  const header: FrameHeader = {
    type: type as FrameType,
    flags: bytes.readUInt16BE(2),
    streamId: bytes.readUInt32BE(4),
    length: bytes.readUInt32BE(8),
  };
  checkFlags(header);
  const ofSession = type === FrameType.ping || type === FrameType.goAway;
  if (ofSession !== (header.streamId === 0)) {
    throw violation(`a ${nameOf(header.type)} frame has the stream id ${header.streamId}`);
  }
  return header;
}

function checkFlags({ type, flags }: FrameHeader): void {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const bad =
    (flags & ~ALL_FLAGS) !== 0 ||
    (has(Flag.SYN) && has(Flag.ACK)) ||
    (type === FrameType.ping && flags !== Flag.SYN && flags !== Flag.ACK) ||
    (type === FrameType.goAway && flags !== 0);
  if (bad) throw violation(`a ${nameOf(type)} frame has the flags 0x${flags.toString(16)}`);
}

/** The peer broke the protocol: what ends the session. */
export function violation(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', `yamux: ${what}`);
}

function nameOf(type: FrameType): string {
  return ['data', 'window update', 'ping', 'go away'][type]!;
}

export function windowUpdate(streamId: number, flags: number, delta: number): FrameHeader {
  return { type: FrameType.windowUpdate, flags, streamId, length: delta };
}

export function goAway(code: GoAwayCode): FrameHeader {
  return { type: FrameType.goAway, flags: 0, streamId: 0, length: code };
}
