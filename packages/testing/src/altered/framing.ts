/** How a protocol cuts its bytes into frames, as far as a peer has to know that to do it wrong. */
export interface Framing {
  /** What `framingOf` knows it by. */
  readonly name: string;
  /** The frame that contains `content`. */
  frame(content: Uint8Array): Buffer;
  /** The frame at the beginning of `bytes`; undefined where more bytes are needed to tell. */
  first(bytes: Buffer): FoundFrame | undefined;
  /** The beginning of a frame that announces `length` bytes; undefined where frames do not say how long they are. */
  head(length: number): Buffer | undefined;
  /** The most bytes that a frame can announce. */
  readonly mostAnnounced: number;
  /** A byte that neither ends a frame nor begins one: content that goes on. */
  readonly filler: number;
}

/** Where a frame and its content are. */
export interface FoundFrame {
  /** The bytes of all of it, head included. */
  readonly length: number;
  /** What is inside. */
  readonly content: Buffer;
}

const FILLER = 0x61;

/** No frames: what arrives together is taken for one. */
export const RAW: Framing = {
  name: 'raw',
  frame: (content) => Buffer.from(content),
  first: (bytes) => (bytes.length === 0 ? undefined : { length: bytes.length, content: bytes }),
  head: () => undefined,
  mostAnnounced: 0,
  filler: FILLER,
};

/** Lines, ended by LF or CRLF. */
export const LINES: Framing = {
  name: 'lines',
  frame: (content) => Buffer.concat([content, Buffer.from('\n')]),
  first(bytes) {
    const at = bytes.indexOf('\n');
    return at === -1 ? undefined : { length: at + 1, content: bytes.subarray(0, at) };
  },
  head: () => undefined,
  mostAnnounced: 0,
  filler: FILLER,
};

/** The length in front, in `width` bytes. */
export function lengthPrefixed(width: 1 | 2 | 4, endianness: 'be' | 'le' = 'be'): Framing {
  const head = (length: number): Buffer => {
    const bytes = Buffer.alloc(width);
    if (endianness === 'be') bytes.writeUIntBE(length, 0, width);
    else bytes.writeUIntLE(length, 0, width);
    return bytes;
  };
  return {
    name: width === 1 ? 'u8' : `u${width * 8}${endianness}`,
    frame: (content) => Buffer.concat([head(content.length), content]),
    first(bytes) {
      if (bytes.length < width) return undefined;
      const length = endianness === 'be' ? bytes.readUIntBE(0, width) : bytes.readUIntLE(0, width);
      return found(bytes, width, length);
    },
    head,
    mostAnnounced: 2 ** (8 * width) - 1,
    filler: FILLER,
  };
}

/** The length in front, in decimal digits, ended by `separator`. */
export function decimalPrefixed(separator: string): Framing {
  const head = (length: number): Buffer => Buffer.from(`${length}${separator}`);
  return {
    name: `decimal:${separator}`,
    frame: (content) => Buffer.concat([head(content.length), content]),
    first(bytes) {
      const at = bytes.indexOf(separator);
      return at === -1
        ? undefined
        : found(bytes, at + separator.length, Number(bytes.toString('latin1', 0, at)));
    },
    head,
    mostAnnounced: 2 ** 32 - 1,
    filler: FILLER,
  };
}

/** A header of lines, of which `Content-Length` is one: as language servers have it. */
export const CONTENT_LENGTH: Framing = {
  name: 'content-length',
  frame: (content) => Buffer.concat([CONTENT_LENGTH.head(content.length)!, content]),
  first(bytes) {
    const at = bytes.indexOf('\r\n\r\n');
    if (at === -1) return undefined;
    const [, length] = /content-length:\s*(\d+)/i.exec(bytes.toString('latin1', 0, at)) ?? [];
    return found(bytes, at + 4, Number(length ?? 0));
  },
  head: (length) => Buffer.from(`Content-Length: ${length}\r\n\r\n`),
  mostAnnounced: 2 ** 32 - 1,
  filler: FILLER,
};

/** Records of TLS: a kind, a version, and a length of two bytes. Others than those of a handshake are not made. */
export const TLS_RECORDS: Framing = {
  name: 'tls',
  frame: (content) => Buffer.concat([TLS_RECORDS.head(content.length)!, content]),
  first: (bytes) => (bytes.length < 5 ? undefined : found(bytes, 5, bytes.readUInt16BE(3))),
  head(length) {
    const bytes = Buffer.from([22, 3, 3, 0, 0]);
    bytes.writeUInt16BE(length, 3);
    return bytes;
  },
  mostAnnounced: 65_535,
  filler: FILLER,
};

/** Messages of `withProtocols`: the number of a protocol, and a length of four bytes. Those that are made have the number 0. */
export const SUB_PROTOCOLS: Framing = {
  name: 'sub-protocols',
  frame: (content) => Buffer.concat([SUB_PROTOCOLS.head(content.length)!, content]),
  first: (bytes) => (bytes.length < 5 ? undefined : found(bytes, 5, bytes.readUInt32BE(1))),
  head(length) {
    const bytes = Buffer.alloc(5);
    bytes.writeUInt32BE(length, 1);
    return bytes;
  },
  mostAnnounced: 2 ** 32 - 1,
  filler: FILLER,
};

/** The frame whose content has `length` bytes after a head of `at`. */
export function found(bytes: Buffer, at: number, length: number): FoundFrame | undefined {
  if (!(bytes.length >= at + length)) return undefined;
  return { length: at + length, content: bytes.subarray(at, at + length) };
}
