import { createHash } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Yamux, type YamuxOptions, type YamuxStream } from '@pea2pea/streams';
import { soon, until } from '@pea2pea/testing';
import type { EndProcess } from '../harness/end-process.js';
import type { Bench } from '../harness/suite.js';

/** How the end sets its session up, or that there is none. */
export interface TheirOptions {
  /** What a stream may receive before it is read, in bytes. */
  readonly window?: number;
  readonly keepAliveMs?: number;
  /** What becomes of streams that we open: `keep` says so with the event `stream`. @default 'keep' */
  readonly serve?: 'echo' | 'keep';
  /** The connection itself is its stream 1. */
  readonly raw?: boolean;
}

/** What it read. */
export interface Read {
  readonly length: number;
  /** SHA-256 */
  readonly digest: string;
  /** `end` after the peer's, `open` when there may be more; else the error. */
  readonly how: string;
}

/**
 * The other end, as a program with a session. Its commands are `listen`, `dial`, `open`, `write`, `read`, `exchange`, `closeWrite`,
 * `reset`, `ping`, `goAway`, `closeSession`, `cut`, `ended`, `select`, `handle`.
 */
export class StreamEnd {
  readonly process: EndProcess;

  constructor(process: EndProcess) {
    this.process = process;
  }

  async open(): Promise<number> {
    return Number((await this.process.run('open'))['stream']);
  }

  /** The next stream that we opened and it kept. */
  async accepted(): Promise<number> {
    return Number((await this.process.next('stream'))['stream']);
  }

  /** Writes bytes that count on from `seed`. Resolves when the implementation has taken them. */
  async write(stream: number, size: number, seed = 0, timeoutMs?: number): Promise<void> {
    await this.process.run('write', { stream, size, seed }, timeoutMs);
  }

  /** Reads `size` bytes, or to the end. */
  async read(stream: number, size = 0): Promise<Read> {
    const { length, digest, how } = await this.process.run('read', { stream, size });
    return { length, digest, how } as Read;
  }

  /** Writes `size` bytes, ends the stream, and reads to the end meanwhile. */
  async exchange(stream: number, size: number, seed = 0): Promise<Read> {
    const { length, digest, how } = await this.process.run('exchange', { stream, size, seed }, 40_000);
    return { length, digest, how } as Read;
  }

  async do(command: 'closeWrite' | 'reset', stream: number): Promise<void> {
    await this.process.run(command, { stream });
  }

  /** One of `ping`, `goAway`, `closeSession`, `cut`; `ended` resolves when its session is over. */
  async session(command: 'ping' | 'goAway' | 'closeSession' | 'cut' | 'ended'): Promise<void> {
    await this.process.run(command);
  }

  async negotiate(
    command: 'select' | 'handle',
    stream: number,
    protocols: readonly string[],
  ): Promise<string> {
    return String((await this.process.run(command, { stream, protocols }))['protocol']);
  }
}

/** Bytes that count on from `seed`, as the ends write them. */
export function counted(size: number, seed = 0): Buffer {
  const cycle = Buffer.from(Uint8Array.from({ length: 251 }, (_, index) => (index + seed) % 251));
  return Buffer.alloc(size, cycle);
}

/** What is read of {@link counted}, to the end or not. */
export function readOf(size: number, seed = 0, how = 'end'): Read {
  return { length: size, digest: digest(counted(size, seed)), how };
}

/** Everything to the end. */
export async function readAll(stream: Duplex): Promise<Read> {
  const hash = createHash('sha256');
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
  });
  await new Promise<void>((resolve, reject) => void stream.once('end', resolve).once('error', reject));
  return { length, digest: hash.digest('hex'), how: 'end' };
}

/** A session between us and the end, over TCP. */
export interface Pair {
  readonly session: Yamux;
  readonly socket: Socket;
  readonly end: StreamEnd;
  /** The next stream that it opens; only when {@link Ours} has no `onStream`. */
  accepted(): Promise<YamuxStream>;
}

export interface Setup {
  readonly weDial: boolean;
  readonly ours?: Partial<YamuxOptions>;
  readonly theirs?: TheirOptions;
}

/** A connection between us and the end, and nothing over it: its stream 1. */
export async function connection(
  { start, own }: Bench,
  { weDial, theirs = {} }: Setup,
): Promise<{ socket: Socket; end: StreamEnd }> {
  const end = new StreamEnd(await start());
  let socket: Socket;
  if (weDial) {
    const { port } = await end.process.run('listen', theirs as Record<string, unknown>);
    socket = connect(Number(port), '127.0.0.1');
    await soon('the connection', new Promise((resolve) => socket.once('connect', resolve)));
    await end.process.next('session');
  } else {
    const server = createServer();
    own({ close: async () => void server.close() });
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const dialled = end.process.run('dial', { ...theirs, port });
    socket = await soon('the connection', accepted);
    await dialled;
  }
  own({ close: async () => void socket.destroy() });
  socket.setNoDelay(true).on('error', () => {});
  return { socket, end };
}

/** A session over a connection. */
export async function pair(bench: Bench, setup: Setup): Promise<Pair> {
  const { socket, end } = await connection(bench, setup);
  const streams: YamuxStream[] = [];
  const session = new Yamux(socket, {
    role: setup.weDial ? 'client' : 'server',
    onStream: (stream) => void streams.push(stream),
    ...setup.ours,
  });
  bench.own({ close: async () => session.destroy() });
  let taken = 0;
  const accepted = async (): Promise<YamuxStream> => {
    const index = taken++;
    await until('it opens a stream', () => streams.length > index);
    return streams[index]!;
  };
  return { session, socket, end, accepted };
}

/** Echoes to the end of the peer, and ends then. */
export function echo(stream: YamuxStream): void {
  stream.pipe(stream);
}

/** Both ends of a stream that we have opened. */
export async function openOurs({ session, end }: Pair, firstBytes = 1): Promise<[YamuxStream, number]> {
  const stream = session.openStream();
  // Some announce a stream with its first bytes, and some offer it then.
  stream.write(counted(firstBytes));
  const theirs = await end.accepted();
  await end.read(theirs, firstBytes);
  return [stream, theirs];
}

/** Both ends of a stream that it has opened. */
export async function openTheirs({ end, accepted }: Pair, firstBytes = 1): Promise<[YamuxStream, number]> {
  const theirs = await end.open();
  await end.write(theirs, firstBytes);
  const stream = await accepted();
  await until('the first bytes', () => stream.read(firstBytes) !== null);
  return [stream, theirs];
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
