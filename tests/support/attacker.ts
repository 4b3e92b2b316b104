import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { SocketAddress, type Connection, type Heuristics, type NodeConfig } from '@pea2pea/core';
import { seededRandom } from '@pea2pea/core/testing';
import { rawConnect, socketClosed } from './raw-socket.js';
import { soon } from './until.js';

export type CodecName = 'bytes' | 'lines' | 'lengthDelimited' | 'json' | 'jsonLines';

/** The node that is attacked. */
export interface VictimOptions {
  readonly codec: CodecName;
  /** Of the framing codec. */
  readonly codecOptions?: Record<string, unknown>;
  readonly config?: Partial<NodeConfig<unknown>>;
  /** It says `?`, expects {@link GREETING} and says `!`, so that an attacker knows where it is. */
  readonly shakesHands?: boolean;
  /** What it does besides answering `ping` with `ping`. */
  readonly talks?: 'to everybody alone' | 'to all at once';
}

/** What the handshake of a victim expects: one part for each way to read. */
export const GREETING = 'HIthere\r\nfriend\n';
/** What a talking victim says. */
export const TALK_LENGTH = 16 * 1024;

/** Bytecode that comes and goes with garbage collections would show as heap that comes and goes. */
const FLAGS = ['--expose-gc', '--no-flush-bytecode'];

/** What happened since the last mark. */
export interface VictimReport {
  readonly heuristics: Heuristics;
  /** Every connection or inbound setup that ended: the peer's port and why. */
  readonly ends: readonly { readonly port: number; readonly reason: string }[];
  /** Now. */
  readonly connections: number;
  readonly connecting: number;
  readonly bufferedBytes: number;
  /** The most at any instant, of active connections and setups together. */
  readonly mostHeld: number;
  /** The most that was sampled. */
  readonly mostBufferedBytes: number;
  /** The most that was sampled, in bytes: what the system says, not what the node believes. */
  readonly mostRss: number;
  /** The largest block that anybody in the process asked for. */
  readonly largestAllocation: number;
}

/** In bytes, behind a full garbage collection. */
export interface VictimMemory {
  /** Resident. */
  readonly rss: number;
  /** Objects and buffers. */
  readonly heap: number;
}

/**
 * A node in a process of its own, to be attacked from this one. Under jest neither memory nor unhandled rejections
 * could be asserted: a worker holds hundreds of megabytes of compiled tests that come and go, has no `gc`, and would
 * hold the attackers, too. Here an unhandled rejection ends the process, as it does for users.
 *
 * note: it runs what was built (`npm run build`, part of `npm test`).
 */
export class Victim {
  readonly address: SocketAddress;
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  readonly #stderr: string[];

  private constructor(process: ChildProcess, port: number, stderr: string[]) {
    this.address = new SocketAddress('127.0.0.1', port);
    this.#process = process;
    this.#exit = once(process, 'exit');
    this.#stderr = stderr;
  }

  static async start(options: VictimOptions): Promise<Victim> {
    const program = `(${victimProgram.toString()})(${JSON.stringify(options)}, ${JSON.stringify({ TALK_LENGTH })})`;
    const child = spawn(process.execPath, [...FLAGS, '--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    const stderr: string[] = [];
    child.stderr!.on('data', (chunk: Buffer) => void stderr.push(String(chunk)));
    const answer = await Promise.race([
      once(child, 'message').then(([port]) => port as number),
      once(child, 'exit').then(() => undefined),
    ]);
    if (answer === undefined) throw new Error(`the victim did not start: ${stderr.join('')}`);
    return new Victim(child, answer, stderr);
  }

  /** From here on everything is counted anew. */
  async mark(): Promise<void> {
    await this.#ask('mark');
  }

  report(): Promise<VictimReport> {
    return this.#ask<VictimReport>('report');
  }

  memory(): Promise<VictimMemory> {
    return this.#ask<VictimMemory>('memory');
  }

  /** Waits until a report is as it should be; fails with `what` when none is in time. */
  async until(
    what: string,
    condition: (report: VictimReport) => boolean,
    timeoutMs = 5_000,
  ): Promise<VictimReport> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const report = await this.report();
      if (condition(report)) return report;
      if (performance.now() > deadline) {
        const { ends, ...rest } = report;
        throw new Error(
          `waited ${timeoutMs} ms in vain until ${what}: ${JSON.stringify({ ends: ends.length, ...rest })}`,
        );
      }
    }
  }

  /** Nobody is connected and nothing is being set up. */
  atRest(): Promise<VictimReport> {
    return this.until('nobody is left', ({ connections, connecting }) => connections + connecting === 0);
  }

  /** Closes the node; the process ends by itself then, because nothing is left in it. */
  async close(): Promise<void> {
    if (this.#process.connected) this.#process.send('close');
    try {
      const [code, signal] = await soon('the process of the victim to end', this.#exit);
      if (code !== 0) {
        throw new Error(`the victim ended with ${String(code ?? signal)}: ${this.#stderr.join('')}`);
      }
    } finally {
      this.#process.kill('SIGKILL');
    }
  }

  async #ask<T>(question: 'mark' | 'report' | 'memory'): Promise<T> {
    const answer = once(this.#process, 'message');
    this.#process.send(question);
    const died = this.#exit.then(([code]) => {
      throw new Error(`the victim is dead (${String(code)}): ${this.#stderr.join('')}`);
    });
    const [value] = (await soon(`the victim to answer ${question}`, Promise.race([answer, died]))) as [T];
    return value;
  }
}

/** The whole program of the victim. It is sent as text, so it may use nothing from outside. */
async function victimProgram(
  options: VictimOptions,
  constants: { readonly TALK_LENGTH: number },
): Promise<void> {
  const { PeerNode, describeReason } = await import('@pea2pea/core');
  const { bytes, json, lengthDelimited, lines } = await import('@pea2pea/codecs');
  const { codecOptions } = options;
  const makeCodec = {
    bytes: () => bytes(codecOptions),
    lines: () => lines(codecOptions),
    lengthDelimited: () => lengthDelimited(codecOptions),
    json: () => json(lengthDelimited(codecOptions)),
    jsonLines: () => json(lines(codecOptions)),
  }[options.codec];

  let base: Partial<Record<keyof Heuristics, number>> = {};
  let ends: { port: number; reason: string }[] = [];
  let [mostHeld, mostBufferedBytes, mostRss, largestAllocation] = [0, 0, 0, 0];
  const ended = (peer: string, reason: string): void =>
    void ends.push({ port: Number(peer.slice(peer.lastIndexOf(':') + 1)), reason });

  const silent = (): void => {};
  const logger = {
    debug: silent,
    info: silent,
    error: silent,
    warn(fields: Record<string, unknown>, text: string) {
      if (text.startsWith('no connection')) ended(String(fields['peer']), `setup: ${String(fields['code'])}`);
    },
    child: () => logger,
  };

  const node = new PeerNode<unknown>({
    codec: makeCodec(),
    logger,
    maxConnections: 10_000,
    maxConnectionsPerIp: 10_000,
    maxConnecting: 10_000,
    maxConnectingPerIp: 10_000,
    listenBacklog: 2_000,
    maxWaitingPerIp: 2_000,
    ...options.config,
  });
  const look = (): void => {
    mostHeld = Math.max(mostHeld, node.connections.size + node.connecting);
    mostBufferedBytes = Math.max(mostBufferedBytes, node.bufferedBytes);
  };
  setInterval(() => {
    look();
    mostRss = Math.max(mostRss, process.memoryUsage.rss());
  }, 5).unref();
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const allocate = Buffer[name] as (...args: unknown[]) => Buffer;
    const watched = (size: number, ...rest: unknown[]): Buffer => {
      largestAllocation = Math.max(largestAllocation, size);
      return allocate.call(Buffer, size, ...rest);
    };
    Buffer[name] = watched as never;
  }

  const talk: unknown = 'x'.repeat(constants.TALK_LENGTH);
  const talkTo = async (connection: Connection<unknown>): Promise<void> => {
    while (connection.state === 'open') {
      while (connection.trySend(talk)) look();
      await connection.drained().catch(silent);
    }
  };
  if (options.talks === 'to all at once') setInterval(() => (node.broadcast(talk), look()), 1).unref();

  node.use({
    // A connection begins to count in the very turn in which this is called: no maximum can be missed.
    async onAccept() {
      look();
      await new Promise((resolve) => setImmediate(resolve));
    },
    ...(options.shakesHands === true && {
      async onHandshake(handshake) {
        await handshake.write('?');
        const word = await handshake.read(2);
        if (String(word) !== 'HI') handshake.reject('how rude');
        await handshake.readUntil('\r\n', 32);
        await handshake.receive(lines({ maxLength: 32 }).decoder(handshake));
        await handshake.write('!');
      },
    }),
    onConnect(connection) {
      look();
      if (options.talks === 'to everybody alone') void talkTo(connection);
    },
    onMessage(message, connection) {
      look();
      if (String(message) === 'ping') connection.trySend(message);
    },
    onDisconnect({ address }, reason) {
      const error = 'error' in reason ? (reason.error as { code?: string; name?: string }) : undefined;
      const cause = 'cause' in reason ? ` ${reason.cause}` : '';
      const what = error === undefined ? '' : ` ${error.code ?? error.name ?? describeReason(reason)}`;
      ended(address.toString(), `${reason.origin}:${cause}${what}`);
    },
  });

  const answers = {
    report: (): VictimReport => ({
      heuristics: Object.fromEntries(
        Object.entries(node.heuristics).map(([name, count]) => [
          name,
          count - (base[name as keyof Heuristics] ?? 0),
        ]),
      ) as unknown as Heuristics,
      ends,
      connections: node.connections.size,
      connecting: node.connecting,
      bufferedBytes: node.bufferedBytes,
      mostHeld,
      mostBufferedBytes,
      mostRss,
      largestAllocation,
    }),
    mark() {
      base = { ...node.heuristics };
      ends = [];
      [mostHeld, mostBufferedBytes, mostRss, largestAllocation] = [0, 0, 0, 0];
      return true;
    },
    async memory(): Promise<VictimMemory> {
      for (let round = 0; round < 3; round++) {
        await new Promise((resolve) => setImmediate(resolve));
        globalThis.gc!();
      }
      const { rss, heapUsed, external } = process.memoryUsage();
      return { rss, heap: heapUsed + external };
    },
  };
  process.on('message', (question: 'close' | keyof typeof answers) => {
    if (question === 'close') void node.close().then(() => process.disconnect());
    else void Promise.resolve(answers[question]()).then((answer) => process.send!(answer));
  });
  const { port } = await node.listen({ host: '127.0.0.1', port: 0 });
  process.send!(port);
}

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
export async function intrude(address: SocketAddress): Promise<Socket | undefined> {
  try {
    return await rawConnect(address);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return undefined;
    throw error;
  }
}

/** Waits until the other side has ended `socket`. */
export async function thrownOut(socket: Socket, timeoutMs = 5_000): Promise<void> {
  await soon('the attacker to be thrown out', socketClosed(socket), timeoutMs);
  socket.destroy();
}

/** Waits until `text` came in. */
export async function heard(socket: Socket, text: string, timeoutMs = 5_000): Promise<void> {
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
