import { bytes, defineCodec, lengthDelimited, mapCodec } from '@pea2pea/codecs';
import type { TaggedCodec } from '@pea2pea/core';

/** What clients send after the start, by its letter; see 55.7 of the manual of PostgreSQL, "Message Formats". */
const FRONTEND = {
  Q: 'query',
  P: 'parse',
  B: 'bind',
  D: 'describe',
  E: 'execute',
  C: 'close',
  S: 'sync',
  H: 'flush',
  X: 'terminate',
} as const;
type Kind = (typeof FRONTEND)[keyof typeof FRONTEND] | 'unknown';

export interface Of<K extends Kind> {
  readonly kind: K;
  readonly body: Fields;
}
export type Message = { [K in Kind]: Of<K> }[Kind];

/** A letter, then a length, which counts itself. */
const frames = lengthDelimited({
  lengthFieldOffset: 1,
  lengthAdjustment: 1,
  numSkip: 0,
  maxFrameLength: 1024 * 1024,
});
const received = mapCodec(frames, {
  decode(frame): Message {
    const letter = String.fromCharCode(frame[0]!);
    const kind = Object.hasOwn(FRONTEND, letter) ? FRONTEND[letter as keyof typeof FRONTEND] : 'unknown';
    return { kind, body: new Fields(frame.subarray(5)) };
  },
  encode: (frame: Uint8Array) => frame,
});
/** Sends what {@link backend} makes: of what it sends, a server has several messages at a time. */
export const postgres: TaggedCodec<Message, Uint8Array, 'kind'> = {
  ...defineCodec({ decoder: received, encoder: bytes() }),
  tagKey: 'kind',
  tags: [...Object.values(FRONTEND), 'unknown'],
};

/** What the client did wrong, with its SQLSTATE. */
export class SqlError extends Error {
  constructor(
    readonly state: string,
    message: string,
  ) {
    super(message);
  }
}

/** The fields of a message, one after the other. */
export class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int(size: 1 | 2 | 4): number {
    return this.bytes(size).readIntBE(0, size);
  }

  bytes(size: number): Buffer {
    if (size < 0 || this.#at + size > this.#bytes.length)
      throw new SqlError('08P01', 'a message ends too early');
    return this.#bytes.subarray(this.#at, (this.#at += size));
  }

  /** Up to a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end === -1) throw new SqlError('08P01', 'a string has no end');
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  /** A count, then as many. */
  list<T>(read: () => T): T[] {
    const count = this.int(2);
    if (count < 0) throw new SqlError('08P01', 'a count is negative');
    return Array.from({ length: count }, read);
  }

  /** A length, then as many bytes; -1 is NULL. */
  value(): string | null {
    const size = this.int(4);
    return size === -1 ? null : this.bytes(size).toString();
  }
}

/** A message to a client: its letter, its length, its parts. A string ends with a zero byte; `int` makes numbers. */
export function backend(letter: string, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)),
  );
  return Buffer.concat([Buffer.from(letter), int(4, body.length + 4), body]);
}

export function int(size: 2 | 4, value: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeIntBE(value, 0, size);
  return bytes;
}

/** @param severity of `FATAL`, which is the last message of a connection, the client needs no more */
export function errorResponse({ state, message }: SqlError, severity: 'ERROR' | 'FATAL' = 'ERROR'): Buffer {
  return backend('E', `S${severity}`, `V${severity}`, `C${state}`, `M${message}`, Buffer.alloc(1));
}

const TEXT_OID = 25;

export function rowDescription(columns: readonly string[]): Buffer {
  // By column: its name, its table and its number there, none; the type and its size, any; no modifier, as text.
  const described = columns.map((name) =>
    Buffer.concat([
      Buffer.from(`${name}\0`),
      int(4, 0),
      int(2, 0),
      int(4, TEXT_OID),
      int(2, -1),
      int(4, -1),
      int(2, 0),
    ]),
  );
  return backend('T', int(2, columns.length), ...described);
}

export function dataRow(row: readonly (string | null)[]): Buffer {
  const values = row.map((value) => {
    if (value === null) return int(4, -1);
    const bytes = Buffer.from(value);
    return Buffer.concat([int(4, bytes.length), bytes]);
  });
  return backend('D', int(2, row.length), ...values);
}

export const parameterDescription = (count: number): Buffer =>
  backend('t', int(2, count), ...Array.from({ length: count }, () => int(4, TEXT_OID)));

export const readyForQuery = (): Buffer => backend('Z', Buffer.from('I'));
