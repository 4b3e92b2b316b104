import type { Socket } from 'node:net';
import type { SocketAddress } from '@pea2pea/core';
import { seededRandom } from '@pea2pea/core/testing';
import { rawConnect, socketClosed, soon } from '@pea2pea/testing';
import type { CodecName } from './victim.js';

/** What the handshake of a victim expects: one part for each way to read. */
export const GREETING = 'HIthere\r\nfriend\n';

/** Runs `work` `count` times, `width` at once. */
export async function paced(
  count: number,
  width: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}

/** A bare socket to `address`; undefined where the connection was reset before we even had it. */
export async function intrude(address: SocketAddress, localAddress?: string): Promise<Socket | undefined> {
  try {
    return await rawConnect(address, localAddress);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return undefined;
    throw error;
  }
}

/** Waits until the other side has ended `socket`. */
export async function thrownOut(socket: Socket, timeoutMs = 30_000): Promise<void> {
  await soon('the attacker to be thrown out', socketClosed(socket), timeoutMs);
  socket.destroy();
}

/** Sends `bytes` over and over, as fast as the other side reads, until the socket is gone. */
export function flood(socket: Socket, bytes: Buffer): void {
  const pump = (): void => {
    for (let sent = 0; sent < 16 && !socket.destroyed && socket.write(bytes); sent++);
  };
  socket.on('drain', pump);
  pump();
}

/** Reads so many bytes a second, in small pieces and without pause. */
export function readSteadily(socket: Socket, bytesPerSecond: number): void {
  socket.pause();
  const periodMs = 50;
  let startedMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const due = Math.ceil((bytesPerSecond * (nowMs - startedMs)) / 1_000);
    startedMs = nowMs;
    // Asked for more than there is, a stream answers nothing; with 0 it goes on to fill its buffer.
    socket.read(Math.min(due, socket.readableLength));
  }, periodMs);
  socket.once('close', () => clearInterval(timer));
}

/** Waits until `text` came in. */
export async function heard(socket: Socket, text: string, timeoutMs = 30_000): Promise<void> {
  let sofar = '';
  const done = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      sofar += chunk.toString('latin1');
      if (sofar.includes(text)) resolve();
    });
    socket.resume();
    socket.once('close', () => reject(new Error(`closed before ${JSON.stringify(text.slice(0, 20))}`)));
  });
  await soon(JSON.stringify(text.slice(0, 20)), done, timeoutMs);
  socket.removeAllListeners('data');
  socket.pause();
}

/** A frame as `lengthDelimited()` writes it. */
export function frame(text: string): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([head, Buffer.from(text)]);
}

/** A stream that each codec likes, and the message `ping` in it. */
export const WELL_FORMED: Readonly<Record<CodecName, { stream: Buffer; ping: Buffer }>> = {
  bytes: { stream: Buffer.from('any bytes will do'), ping: Buffer.from('ping') },
  lines: { stream: Buffer.from('one\ntwo\r\n\nthr\u00e9\u00e9 \u{1f600}\n'), ping: Buffer.from('ping\n') },
  lengthDelimited: {
    stream: Buffer.concat([frame('one'), frame(''), frame('x'.repeat(200))]),
    ping: frame('ping'),
  },
  json: {
    stream: Buffer.concat([frame('{"text":"one \\u00e9","list":[1,-2.5e3,null]}'), frame('true')]),
    ping: frame('"ping"'),
  },
  jsonLines: {
    stream: Buffer.from('{"text":"one \\u00e9","list":[1,-2.5e3,null]}\n[]\r\n0\n'),
    ping: Buffer.from('"ping"\n'),
  },
};

/** What a hostile peer sends, and how it leaves. */
export interface HostileStream {
  readonly chunks: readonly Buffer[];
  readonly ending: 'end' | 'destroy' | 'reset';
}

const ALPHABETS = [
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  Buffer.from('{}[]",:\\u0019-+.eE \n\r'),
  Buffer.from([0, 0, 0, 0, 1, 2, 10, 13, 0x7f, 0x80, 0xc3, 0xa9, 0xed, 0xa0, 0xf0, 0xff]),
];

/** Follows from `seed` alone: pure noise, or `wellFormed` with some damage, since pure noise does not get far. */
export function hostileStream(seed: number, wellFormed: Buffer): HostileStream {
  const random = seededRandom(seed);
  const upTo = (limit: number): number => Math.floor(random.next() * limit);
  const noise = (length: number): Buffer => {
    const alphabet = ALPHABETS[upTo(ALPHABETS.length)]!;
    return Buffer.from(Array.from({ length }, () => alphabet[upTo(alphabet.length)]!));
  };
  let stream = random.next() < 0.4 ? noise(upTo(600)) : Buffer.from(wellFormed);
  for (let damages = upTo(4); damages > 0; damages--) {
    const at = upTo(stream.length + 1);
    const [before, after] = [stream.subarray(0, at), stream.subarray(at)];
    switch (upTo(4)) {
      case 0:
        stream = Buffer.concat([before, after.subarray(1 + upTo(8))]);
        break;
      case 1:
        stream = Buffer.concat([before, noise(1 + upTo(8)), after]);
        break;
      case 2:
        stream = Buffer.concat([before, noise(1), after.subarray(1)]);
        break;
      default:
        stream = Buffer.concat([stream, before, after]);
    }
  }
  const chunks: Buffer[] = [];
  while (stream.length > 0) {
    const size = chunks.length === 40 ? stream.length : 1 + upTo(random.next() < 0.5 ? 4 : stream.length);
    chunks.push(stream.subarray(0, size));
    stream = stream.subarray(size);
  }
  return { chunks, ending: (['end', 'destroy', 'reset'] as const)[upTo(3)]! };
}
