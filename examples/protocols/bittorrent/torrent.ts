import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

export type Bencoded = number | Buffer | readonly Bencoded[] | ReadonlyMap<string, Bencoded>;

/** BEP 3: `i42e`, `4:spam`, `l…e`, `d…e` with keys in order. */
export function bencode(value: Bencoded | string): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`);
  if (typeof value === 'string') return bencode(Buffer.from(value));
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value]);
  const isMap = value instanceof Map;
  const sorted = isMap
    ? [...(value as Map<string, Bencoded>)].sort(([a], [b]) => (a < b ? -1 : 1)).flat()
    : value;
  const items = (sorted as readonly (Bencoded | string)[]).map(bencode);
  return Buffer.concat([Buffer.from(isMap ? 'd' : 'l'), ...items, Buffer.from('e')]);
}

const MAX_DEPTH = 20;

/** Reads one value, and remembers where each key of the outermost map begins and ends. */
function bdecode(bytes: Buffer): { value: Bencoded; spans: Map<string, Buffer> } {
  let at = 0;
  const spans = new Map<string, Buffer>();
  const until = (mark: string): string => {
    const end = bytes.indexOf(mark, at);
    if (end === -1) throw new Error('a torrent ends too early');
    const text = bytes.toString('latin1', at, end);
    at = end + 1;
    return text;
  };
  const text = (): Buffer => {
    const size = Number(until(':'));
    if (!Number.isSafeInteger(size) || size < 0 || at + size > bytes.length)
      throw new Error('a string is too long');
    return bytes.subarray(at, (at += size));
  };
  const read = (depth: number): Bencoded => {
    if (depth > MAX_DEPTH) throw new Error('a torrent is nested too deeply');
    const kind = String.fromCharCode(bytes[at] ?? 0);
    if (kind === 'i') {
      at++;
      return Number(until('e'));
    }
    if (kind !== 'l' && kind !== 'd') return text();
    at++;
    const list: Bencoded[] = [];
    const map = new Map<string, Bencoded>();
    while (bytes[at] !== 0x65) {
      if (kind === 'l') list.push(read(depth + 1));
      else {
        const key = text().toString('latin1');
        const start = at;
        map.set(key, read(depth + 1));
        if (depth === 0) spans.set(key, bytes.subarray(start, at));
      }
    }
    at++;
    return kind === 'l' ? list : map;
  };
  return { value: read(0), spans };
}

/** What a torrent of one file says. */
export interface Torrent {
  /** The SHA-1 of `info`, as it stands in the file. */
  readonly hash: Buffer;
  readonly length: number;
  readonly pieceLength: number;
  /** The SHA-1 of each piece. */
  readonly pieces: readonly Buffer[];
}

export function torrentOf(bytes: Buffer): Torrent {
  const info = bdecode(bytes).spans.get('info');
  if (info === undefined) throw new Error('a torrent has no info');
  const { spans, value } = bdecode(info);
  const { length, 'piece length': pieceLength, pieces } = Object.fromEntries(value as Map<string, Bencoded>);
  if (!spans.has('length')) throw new Error('a torrent of several files is not supported');
  if (typeof length !== 'number' || typeof pieceLength !== 'number' || !Buffer.isBuffer(pieces)) {
    throw new Error('the info of a torrent is malformed');
  }
  const count = Math.ceil(length / pieceLength);
  if (!(length > 0 && pieceLength > 0) || pieces.length !== count * 20)
    throw new Error('a torrent has too few pieces');
  const hashes = Array.from({ length: count }, (_, index) => pieces.subarray(index * 20, index * 20 + 20));
  return { hash: sha1(info), length, pieceLength, pieces: hashes };
}

export function makeTorrent(name: string, data: Buffer, announce: string, pieceLength = 65_536): Buffer {
  const count = Math.ceil(data.length / pieceLength);
  const hashes = Array.from({ length: count }, (_, index) =>
    sha1(data.subarray(index * pieceLength, (index + 1) * pieceLength)),
  );
  const info = new Map<string, Bencoded>([
    ['length', data.length],
    ['name', Buffer.from(name)],
    ['piece length', pieceLength],
    ['pieces', Buffer.concat(hashes)],
  ]);
  return bencode(
    new Map<string, Bencoded>([
      ['announce', Buffer.from(announce)],
      ['info', info],
    ]),
  );
}

const sha1 = (bytes: Buffer): Buffer => createHash('sha1').update(bytes).digest();

/** The file of a torrent, as far as it is there: every piece was compared with its SHA-1. */
export class Pieces {
  readonly torrent: Torrent;
  readonly have = new Set<number>();
  readonly #file: FileHandle;

  private constructor(torrent: Torrent, file: FileHandle) {
    this.torrent = torrent;
    this.#file = file;
  }

  static async open(torrent: Torrent, path: string): Promise<Pieces> {
    const file = await open(path, 'r').then(
      async (known) => (await known.close(), open(path, 'r+')),
      () => open(path, 'w+'),
    );
    const pieces = new Pieces(torrent, file);
    for (const index of torrent.pieces.keys()) {
      const bytes = await pieces.read(index, 0, pieces.lengthOf(index));
      if (sha1(bytes).equals(torrent.pieces[index]!)) pieces.have.add(index);
    }
    return pieces;
  }

  get isComplete(): boolean {
    return this.have.size === this.torrent.pieces.length;
  }

  lengthOf(index: number): number {
    return Math.min(this.torrent.pieceLength, this.torrent.length - index * this.torrent.pieceLength);
  }

  async read(index: number, begin: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    await this.#file.read(bytes, 0, length, index * this.torrent.pieceLength + begin);
    return bytes;
  }

  /** Keeps a piece; false where it is not what the torrent says. */
  async store(index: number, bytes: Buffer): Promise<boolean> {
    if (!sha1(bytes).equals(this.torrent.pieces[index]!)) return false;
    await this.#file.write(bytes, 0, bytes.length, index * this.torrent.pieceLength);
    this.have.add(index);
    return true;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
